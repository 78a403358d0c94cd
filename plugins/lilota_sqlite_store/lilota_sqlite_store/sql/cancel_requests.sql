-- The attempts of a runner that somebody cancelled.
SELECT id, token FROM tasks WHERE runner = ? AND cancel_requested = 1 AND state = 3
