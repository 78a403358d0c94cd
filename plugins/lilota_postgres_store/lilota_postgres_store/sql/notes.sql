SELECT kind, name, value, attempt FROM {notes}
WHERE task_id = %(id)s::bigint AND (kind, name) > (%(after_kind)s, %(after_name)s) AND kind <= %(last_kind)s
ORDER BY kind, name LIMIT %(limit)s::bigint
