SELECT * FROM {task_details}
WHERE id = ANY (ARRAY(
    SELECT id FROM {tasks} WHERE id > %(start)s::bigint ORDER BY id LIMIT %(limit)s::bigint
))
