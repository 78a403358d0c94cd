-- Let the ids that are given next be higher than this one.
UPDATE meta SET value = max(value, ?) WHERE key = 'last_task_id'
