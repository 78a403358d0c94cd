-- The attempts of a runner that somebody cancelled.
SELECT id, token FROM tasks WHERE runner = ?1 AND cancel_requested = 1 AND state = 3
