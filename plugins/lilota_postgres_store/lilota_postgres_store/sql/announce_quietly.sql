-- As announce, where nobody may listen.
SELECT set_config('synchronous_commit', 'off', true), nextval({changes_text})
