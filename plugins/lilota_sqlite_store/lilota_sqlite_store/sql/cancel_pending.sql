UPDATE tasks SET state = 6, finished_at = ?2 WHERE id = ?1
