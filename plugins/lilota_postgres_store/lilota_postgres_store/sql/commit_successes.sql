-- As commit, for a batch of attempts that all succeeded and brought nothing but an output.
WITH written AS (
    UPDATE {tasks} AS task
    SET pid = coalesce(given.pid, task.pid),
        started_at = CASE
            WHEN given.started_at IS NULL THEN task.started_at
            ELSE greatest(task.created_at, least(to_timestamp(given.started_at), statement_timestamp()))
        END,
        output = coalesce(given.output, task.output),
        state = 4,
        error = NULL,
        finished_at = statement_timestamp()
    FROM unnest(
        %(ids)s::bigint[], %(tokens)s::bigint[], %(pids)s::integer[], %(started_ats)s::double precision[],
        %(outputs)s::text[]
    ) AS given (id, token, pid, started_at, output)
    WHERE task.id = given.id AND task.token = given.token AND task.state + 0 = 3
    RETURNING task.id, task.token, task.lane
), moved AS (
    SELECT lane, count(*) AS n FROM written GROUP BY lane
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, 4, n FROM moved UNION ALL SELECT lane, 3, -n FROM moved
)
SELECT given.id, given.token FROM unnest(%(ids)s::bigint[], %(tokens)s::bigint[]) AS given (id, token)
WHERE (SELECT count(*) FROM written) < cardinality(%(ids)s::bigint[])
    AND NOT EXISTS (SELECT FROM written WHERE written.id = given.id AND written.token = given.token)
