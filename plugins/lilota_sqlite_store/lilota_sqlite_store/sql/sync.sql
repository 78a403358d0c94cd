-- Write something in a durable transaction, which also syncs the transactions before it.
UPDATE meta SET value = value + 1 WHERE key = 'syncs'
