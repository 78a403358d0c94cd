-- After the transaction: NOTIFY holds a lock of the whole server until its transaction is on the disk. This one need not
-- wait for the disk: who listens starts anew after a crash. Without a channel nobody may listen.
SELECT set_config('synchronous_commit', 'off', true), nextval({changes_text}),
    CASE WHEN %(channel)s::text IS NOT NULL THEN pg_notify(%(channel)s::text, %(payload)s) END
