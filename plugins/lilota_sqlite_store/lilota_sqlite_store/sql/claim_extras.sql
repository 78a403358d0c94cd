-- What few tasks have that a runner needs, of a JSON list of ids.
SELECT id, owner, (SELECT text FROM checkpoints WHERE checkpoints.id = tasks.id)
FROM tasks WHERE id IN (SELECT value FROM json_each(?))
