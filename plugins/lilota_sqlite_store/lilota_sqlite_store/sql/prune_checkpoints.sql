DELETE FROM checkpoints WHERE id IN (SELECT value FROM json_each(?))
