SELECT task_id, n, at, text, level, source, attempt, logger
FROM unnest(%(ids)s::bigint[], %(after)s::bigint[]) AS wanted (id, number)
JOIN {log_lines} ON task_id = id AND n > number AND n <= number + %(limit)s::bigint
