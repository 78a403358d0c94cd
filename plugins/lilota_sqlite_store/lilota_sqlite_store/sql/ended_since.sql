SELECT id FROM tasks WHERE state = ? AND finished_at >= ? LIMIT ?
