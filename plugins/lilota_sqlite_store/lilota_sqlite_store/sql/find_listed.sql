-- What a query needs to know of the tasks of a JSON list of ids.
SELECT id, lane, state, owner FROM tasks WHERE id IN (SELECT value FROM json_each(?))
