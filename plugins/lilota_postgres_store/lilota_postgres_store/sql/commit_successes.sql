-- As commit, for a batch of attempts that all succeeded and brought nothing but an output.
WITH written AS (
    UPDATE {tasks} AS task
    SET pid = coalesce(given.pid, task.pid),
        started_at = CASE
            WHEN given.started_at IS NULL THEN task.started_at
            ELSE greatest(task.created_at, least(to_timestamp(given.started_at), statement_timestamp()))
        END,
        output = coalesce(given.output, task.output),
        checkpoint = NULL,
        input = CASE WHEN {forgets} THEN '{{}}' ELSE task.input END,
        state = 4,
        error = NULL,
        finished_at = statement_timestamp()
    FROM unnest(
        %(ids)s::bigint[], %(tokens)s::bigint[], %(pids)s::integer[], %(started_ats)s::double precision[],
        %(outputs)s::text[]
    ) AS given (id, token, pid, started_at, output)
    WHERE task.id = given.id AND task.token = given.token AND task.state + 0 = 3
    RETURNING task.id, task.token, task.lane, task.state
), {counted}
{refused}
