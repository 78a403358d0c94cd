-- Take the next ids: how many. Ids are counted here, not by AUTOINCREMENT, which would write its counter per row.
UPDATE meta SET value = value + ? WHERE key = 'last_task_id' RETURNING value
