-- The tasks of a JSON list of ids.
SELECT * FROM task_details WHERE id IN (SELECT value FROM json_each(?))
