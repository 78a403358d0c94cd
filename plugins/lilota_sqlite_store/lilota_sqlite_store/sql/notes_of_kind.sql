-- Of a task and a kind, behind a name, how many.
SELECT kind, name, value, attempt FROM notes WHERE task_id = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?
