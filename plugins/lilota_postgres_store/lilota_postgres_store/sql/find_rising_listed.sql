SELECT * FROM {task_details}
WHERE id = ANY (%(ids)s::bigint[]) AND id > %(start)s::bigint AND state = ANY (%(states)s::smallint[])
    AND (%(names)s::text[] IS NULL OR name = ANY (%(names)s::text[]))
    AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
ORDER BY id LIMIT %(limit)s::bigint
