-- The attempts of a runner that somebody cancelled, as long as its lease holds.
SELECT id, token FROM {tasks}
WHERE runner = %(runner)s AND cancel_requested AND state = 3
    AND EXISTS (SELECT FROM {runners} WHERE id = %(runner)s AND expires_at > clock_timestamp())
