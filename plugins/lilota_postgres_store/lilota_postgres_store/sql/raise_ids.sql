-- The ids that are given from now on are higher than this one.
SELECT setval({task_ids_text}, %(highest)s::bigint) FROM {task_ids} WHERE last_value < %(highest)s::bigint
