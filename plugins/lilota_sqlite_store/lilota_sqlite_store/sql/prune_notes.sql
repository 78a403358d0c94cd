DELETE FROM notes WHERE task_id IN (SELECT value FROM json_each(?))
