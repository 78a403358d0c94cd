-- Cancel a pending task, ask a running one to stop, leave an ended one alone; the state that it has then.
WITH found AS (
    SELECT id, lane, state FROM {tasks} WHERE id = %(id)s::bigint FOR UPDATE
), changed AS (
    UPDATE {tasks} AS task
    SET state = CASE WHEN task.state = 3 THEN 3 ELSE 6 END,
        cancel_requested = task.state = 3,
        input = CASE WHEN task.state <> 3 AND {forgets} THEN '{{}}' ELSE task.input END,
        finished_at = CASE WHEN task.state <> 3 THEN statement_timestamp() END
    FROM found WHERE task.id = found.id AND task.state + 0 IN (0, 1, 2, 3, 7)
    RETURNING task.lane, found.state AS old_state, task.state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, old_state, -1 FROM changed WHERE state = 6 UNION ALL SELECT lane, 6, 1 FROM changed WHERE state = 6
)
SELECT coalesce((SELECT state FROM changed), found.state) FROM found
