SELECT at, text, level, source, attempt, logger FROM log_lines WHERE task_id = ?1 AND n > ?2 ORDER BY n LIMIT ?3
