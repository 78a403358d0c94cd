SELECT id FROM tasks WHERE lane = ? AND state = ? AND id > ? ORDER BY id
