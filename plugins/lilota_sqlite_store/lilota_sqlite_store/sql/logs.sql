SELECT at, text, level, source, attempt, logger FROM log_lines WHERE task_id = ? AND n > ? ORDER BY n LIMIT ?
