-- Of a task, behind a kind and a name, how many.
SELECT kind, name, value, attempt FROM notes
WHERE task_id = ? AND (kind, name) > (?, ?) ORDER BY kind, name LIMIT ?
