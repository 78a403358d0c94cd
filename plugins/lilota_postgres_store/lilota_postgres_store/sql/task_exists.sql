SELECT 1 FROM {tasks} WHERE id = %(id)s::bigint
