SELECT id FROM tasks WHERE id > ? ORDER BY id
