SELECT id, lane, state FROM tasks WHERE state = ? AND finished_at <= ? ORDER BY finished_at LIMIT ?
