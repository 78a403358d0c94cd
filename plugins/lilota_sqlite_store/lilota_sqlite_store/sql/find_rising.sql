SELECT id FROM tasks WHERE id > ?1 ORDER BY id
