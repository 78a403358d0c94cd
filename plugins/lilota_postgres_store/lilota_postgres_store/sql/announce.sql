-- After the transaction: NOTIFY holds a lock of the whole server until its transaction is on the disk.
SELECT nextval({changes_text}), pg_notify(%(channel)s, '')
