UPDATE tasks SET has_checkpoint = 1 WHERE id = ?
