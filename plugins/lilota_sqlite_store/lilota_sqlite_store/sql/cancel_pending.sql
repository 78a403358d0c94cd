UPDATE tasks SET state = 6, finished_at = ? WHERE id = ?
