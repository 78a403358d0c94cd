-- Return the tasks with these ids.
return pack_tasks(asked)
