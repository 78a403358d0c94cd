-- Take back what dead runners hold. They were forgotten before, in this transaction: nothing is granted to them any more.
WITH held AS (
    SELECT id FROM {tasks}
    WHERE id = ANY (ARRAY(SELECT id FROM {tasks} WHERE state = 3 AND runner = ANY (%(runners)s::text[])))
        AND state + 0 = 3 AND runner = ANY (%(runners)s::text[])
    ORDER BY id FOR UPDATE
), rescued AS (
    UPDATE {tasks}
    SET state = CASE WHEN cancel_requested THEN 6 WHEN lost_attempts + 1 >= max_lost_attempts THEN 5 ELSE 2 END,
        lost_attempts = lost_attempts + 1,
        error = CASE WHEN NOT cancel_requested AND lost_attempts + 1 >= max_lost_attempts THEN
            json_build_object(
                'type', 'RunnerDied',
                'message', format(
                    'The runner %%s stopped renewing its lease; attempts lost: %%s.', runner, lost_attempts + 1
                )
            )::text
        END,
        run_at = CASE
            WHEN cancel_requested OR lost_attempts + 1 >= max_lost_attempts THEN run_at ELSE statement_timestamp()
        END,
        finished_at = CASE
            WHEN cancel_requested OR lost_attempts + 1 >= max_lost_attempts THEN statement_timestamp()
        END
    WHERE id = ANY (ARRAY(SELECT id FROM held))
    RETURNING id, lane, state
), moved AS (
    SELECT lane, state, count(*) AS n FROM rescued GROUP BY lane, state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, state, n FROM moved UNION ALL SELECT lane, 3, -sum(n) FROM moved GROUP BY lane
)
SELECT id FROM rescued ORDER BY id
