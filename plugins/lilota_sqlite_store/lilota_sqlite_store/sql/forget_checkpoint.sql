UPDATE tasks SET has_checkpoint = NULL WHERE id = ?
