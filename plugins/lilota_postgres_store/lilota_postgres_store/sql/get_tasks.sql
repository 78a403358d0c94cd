SELECT * FROM {task_details} WHERE id = ANY (%(ids)s::bigint[])
