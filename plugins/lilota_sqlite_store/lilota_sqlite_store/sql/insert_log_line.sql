INSERT INTO log_lines (task_id, n, at, level, attempt, source, logger, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
