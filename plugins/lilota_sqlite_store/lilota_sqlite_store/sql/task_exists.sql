SELECT 1 FROM tasks WHERE id = ?
