-- Give back what a runner holds, without spending the attempts. Rows are locked by id, as a late commit does it.
WITH held AS (
    SELECT id FROM {tasks}
    WHERE id = ANY (ARRAY(SELECT id FROM {tasks} WHERE state = 3 AND runner = %(runner)s))
        AND state + 0 = 3 AND runner = %(runner)s
    ORDER BY id FOR UPDATE
), released AS (
    UPDATE {tasks}
    SET state = CASE WHEN cancel_requested THEN 6 ELSE 2 END,
        attempt = attempt - 1,
        error = NULL,
        run_at = CASE WHEN cancel_requested THEN run_at ELSE statement_timestamp() END,
        finished_at = CASE WHEN cancel_requested THEN statement_timestamp() END
    WHERE id = ANY (ARRAY(SELECT id FROM held))
    RETURNING id, lane, state
), moved AS (
    SELECT lane, state, count(*) AS n FROM released GROUP BY lane, state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, state, n FROM moved UNION ALL SELECT lane, 3, -sum(n) FROM moved GROUP BY lane
)
SELECT id FROM released
