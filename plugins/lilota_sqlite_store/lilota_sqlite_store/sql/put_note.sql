INSERT OR REPLACE INTO notes (task_id, kind, name, value, attempt) VALUES (?, ?, ?, ?, ?)
