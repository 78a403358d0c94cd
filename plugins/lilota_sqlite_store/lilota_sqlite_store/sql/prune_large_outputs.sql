DELETE FROM large_outputs WHERE id IN (SELECT value FROM json_each(?))
