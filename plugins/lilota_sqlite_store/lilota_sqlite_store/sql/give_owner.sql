-- Of new tasks: the owner, the id. Most have none, for whom a parameter of insert_task would cost time.
UPDATE tasks SET owner = ? WHERE id = ?
