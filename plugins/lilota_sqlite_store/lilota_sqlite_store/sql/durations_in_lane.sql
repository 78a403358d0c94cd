-- The newest succeeded tasks of a lane, with how long each took: the lane, how many.
SELECT id, finished_at - started_at FROM tasks WHERE lane = ? AND state = 4 ORDER BY id DESC LIMIT ?
