-- Write what running attempts reported and how they ended; what is written is that whose token is current. NULL leaves
-- the stored value alone. `state` is NULL while an attempt goes on, and 2 for one that is to run again.
-- `started_at` is by the clock of the worker's machine, which may be wrong. Where the log is longer than the offset that
-- came with lines, it has the first of them. (Without an offset, `least` leaves that NULL out.)
-- `state + 0` keeps the planner from looking for the ids in the index of the states. The answer: what was not written.
WITH written AS (
    UPDATE {tasks} AS task
    SET pid = coalesce(given.pid, task.pid),
        started_at = CASE
            WHEN given.started_at IS NULL THEN task.started_at
            ELSE greatest(task.created_at, least(to_timestamp(given.started_at), statement_timestamp()))
        END,
        progress = coalesce(given.progress, task.progress),
        progress_note = coalesce(given.progress_note, task.progress_note),
        output = coalesce(given.output, task.output),
        checkpoint = CASE WHEN given.state = 4 THEN NULL ELSE coalesce(given.checkpoint, task.checkpoint) END,
        input = CASE
            WHEN (given.state <> 2 OR (given.state = 2 AND task.cancel_requested)) AND {forgets} THEN '{{}}'
            ELSE task.input
        END,
        max_lost_attempts = coalesce(given.max_lost_attempts, task.max_lost_attempts),
        log_count = task.log_count
            + greatest(0, least(given.log_count, given.log_offset + given.log_count - task.log_count)),
        state = CASE
            WHEN given.state IS NULL THEN 3
            WHEN given.state <> 2 THEN given.state
            WHEN task.cancel_requested THEN 6
            WHEN given.delay > 0 THEN 1
            ELSE 2
        END,
        error = CASE WHEN given.state IS NULL THEN task.error ELSE given.error END,
        attempt = task.attempt - given.unspent,
        lost_attempts = task.lost_attempts + given.lost,
        run_at = CASE
            WHEN given.state <> 2 OR task.cancel_requested THEN task.run_at
            -- Given back (Outcome.keeps_place).
            WHEN given.unspent = 1 AND given.delay = 0 AND given.error IS NULL
            THEN least(task.run_at, statement_timestamp())
            WHEN given.state = 2 THEN statement_timestamp() + make_interval(secs => given.delay)
            ELSE task.run_at
        END,
        finished_at = CASE
            WHEN given.state <> 2 OR (given.state = 2 AND task.cancel_requested) THEN statement_timestamp()
        END
    FROM unnest(
        %(ids)s::bigint[], %(tokens)s::bigint[], %(pids)s::integer[], %(started_ats)s::double precision[],
        %(progresses)s::double precision[], %(outputs)s::text[], %(max_lost_attempts)s::integer[],
        %(log_counts)s::integer[], %(log_offsets)s::integer[], %(states)s::smallint[], %(errors)s::text[],
        %(delays)s::double precision[], %(unspents)s::integer[], %(losts)s::integer[],
        %(progress_notes)s::text[], %(checkpoints)s::text[]
    ) AS given (
        id, token, pid, started_at, progress, output, max_lost_attempts, log_count, log_offset, state, error, delay,
        unspent, lost, progress_note, checkpoint
    )
    WHERE task.id = given.id AND task.token = given.token AND task.state + 0 = 3
    RETURNING task.id, task.token, task.lane, task.state, task.log_count,
        -- How many lines there were when this statement began. If the lost commit is only now about to end, that is too
        -- few: then the primary key of the lines refuses the statement, and the next try finds them.
        CASE
            WHEN given.log_offset IS NULL THEN 0
            ELSE (SELECT before.log_count FROM {tasks} AS before WHERE before.id = task.id)
        END AS known_lines
), lines AS (
    INSERT INTO {log_lines} (task_id, n, level, at, attempt, source, logger, text)
    SELECT line.task_id, written.log_count - line.followers, line.level, line.at, line.attempt, line.source,
        line.logger, line.text
    FROM unnest(
        %(line_ids)s::bigint[], %(line_tokens)s::bigint[], %(line_followers)s::integer[], %(line_levels)s::integer[],
        %(line_ats)s::double precision[], %(line_attempts)s::integer[], %(line_sources)s::text[],
        %(line_loggers)s::text[], %(line_texts)s::text[]
    ) AS line (task_id, token, followers, level, at, attempt, source, logger, text)
    JOIN written ON written.id = line.task_id AND written.token = line.token
    WHERE written.log_count - line.followers > written.known_lines
), {counted}
{refused}
