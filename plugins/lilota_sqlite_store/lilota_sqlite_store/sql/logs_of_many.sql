-- The lines of tasks behind so many of each, which a JSON object names by id, and how many of each at most.
SELECT task_id, n, at, text, level, source, attempt, logger FROM json_each(?) CROSS JOIN log_lines
ON task_id = CAST(json_each.key AS INTEGER) AND n > json_each.value AND n <= json_each.value + ?
