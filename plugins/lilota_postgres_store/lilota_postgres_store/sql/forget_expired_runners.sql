-- Of the given ones, or of all (NULL). Those that are claiming, renewing or being rescued just now are left for the next time.
DELETE FROM {runners}
WHERE id = ANY (ARRAY(
    SELECT id FROM {runners}
    WHERE expires_at <= clock_timestamp() AND (%(only)s::text[] IS NULL OR id = ANY (%(only)s::text[]))
    FOR UPDATE SKIP LOCKED
))
RETURNING id, host, pid
