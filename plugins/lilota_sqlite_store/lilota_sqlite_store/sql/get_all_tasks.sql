SELECT * FROM task_details ORDER BY id
