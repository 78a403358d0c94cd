-- Those that are claiming, renewing or being rescued just now are left for the next time.
DELETE FROM {runners}
WHERE id = ANY (ARRAY(SELECT id FROM {runners} WHERE expires_at <= clock_timestamp() FOR UPDATE SKIP LOCKED))
RETURNING id
