-- Take back what runners hold: of one that stops, without spending the attempts (`lost` is 0), so that they are where they
-- were in the order; or of those that died (1), which were forgotten before, so that nothing is granted to them any more.
-- Rows are locked by id, as a late commit does it. The log of each task that lost an attempt says so.
WITH dead AS (
    SELECT * FROM unnest(%(runners)s::text[], %(hosts)s::text[], %(pids)s::integer[]) AS told (id, host, pid)
), held AS (
    SELECT id,
        CASE
            WHEN cancel_requested THEN 6
            WHEN %(lost)s::integer = 1 AND lost_attempts + 1 >= max_lost_attempts THEN 5
            ELSE 2
        END AS next
    FROM {tasks}
    WHERE id = ANY (ARRAY(SELECT id FROM {tasks} WHERE state = 3 AND runner = ANY (%(runners)s::text[])))
        AND state + 0 = 3 AND runner = ANY (%(runners)s::text[])
    ORDER BY id FOR UPDATE
), written AS (
    UPDATE {tasks} AS task
    SET state = next,
        attempt = attempt - 1 + %(lost)s::integer,
        lost_attempts = lost_attempts + %(lost)s::integer,
        log_count = log_count + %(lost)s::integer,
        error = CASE WHEN next = 5 THEN
            json_build_object(
                'type', 'RunnerDied',
                'message', format(
                    'The runner %%s stopped renewing its lease; attempts lost: %%s.', runner, lost_attempts + 1
                )
            )::text
        END,
        input = CASE WHEN next <> 2 AND {forgets} THEN '{{}}' ELSE input END,
        run_at = CASE
            WHEN next <> 2 THEN run_at
            WHEN %(lost)s::integer = 1 THEN statement_timestamp()
            ELSE least(run_at, statement_timestamp())
        END,
        finished_at = CASE WHEN next <> 2 THEN statement_timestamp() END
    FROM held WHERE task.id = held.id
    RETURNING task.id, lane, state, log_count, attempt, runner, token, pid, started_at, progress
), line AS (
    INSERT INTO {log_lines} (task_id, n, level, at, attempt, source, logger, text)
    SELECT written.id, log_count, 30, extract(epoch FROM statement_timestamp())::double precision, attempt, 'lilota', '',
        format(
            'Attempt %%s was lost on %%s (runner %%s, process %%s). The runner stopped renewing its lease.',
            attempt, dead.host, dead.id, dead.pid
        )
    FROM written JOIN dead ON dead.id = written.runner
    WHERE %(lost)s::integer = 1
), {counted}
SELECT id, token, attempt, runner, pid, date_part('epoch', started_at), progress,
    date_part('epoch', statement_timestamp())
FROM written ORDER BY id
