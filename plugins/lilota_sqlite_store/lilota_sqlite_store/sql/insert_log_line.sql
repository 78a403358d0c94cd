INSERT INTO log_lines (task_id, n, at, level, attempt, source, logger, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
