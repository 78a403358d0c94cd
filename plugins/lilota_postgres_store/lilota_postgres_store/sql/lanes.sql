SELECT id, queue, name FROM {lanes} WHERE id = ANY (%(ids)s::bigint[])
