-- The next tasks of a lane, with what orders them among those of other lanes: the lane, how many.
SELECT -priority, run_at, id FROM tasks WHERE lane = ? AND state = 2 ORDER BY priority DESC, run_at, id LIMIT ?
