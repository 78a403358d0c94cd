SELECT at, text, level, source, attempt, logger FROM {log_lines}
WHERE task_id = %(id)s::bigint AND n > %(after)s::bigint ORDER BY n LIMIT %(limit)s::bigint
