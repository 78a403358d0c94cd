UPDATE tasks SET input = '{}' WHERE id = ?
