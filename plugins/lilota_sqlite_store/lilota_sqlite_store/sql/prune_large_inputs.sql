DELETE FROM large_inputs WHERE id IN (SELECT value FROM json_each(?))
