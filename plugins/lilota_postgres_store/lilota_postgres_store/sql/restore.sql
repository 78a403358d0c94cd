-- Write tasks as another store kept them, and their log lines; a task whose id exists stays as it is.
WITH restored AS (
    INSERT INTO {tasks} (
        id, lane, token, run_at, created_at, started_at, finished_at, progress, priority, attempt, lost_attempts,
        max_lost_attempts, pid, log_count, state, cancel_requested, runner, description, input, output, error
    )
    SELECT id, lane, token, run_at, created_at, started_at, finished_at, progress, priority, attempt, lost_attempts,
        max_lost_attempts, pid, log_count,
        CASE WHEN state = 2 AND run_at > statement_timestamp() THEN 1 ELSE state END,
        cancel_requested, runner, description, input, output, error
    FROM unnest(
        %(ids)s::bigint[], %(lanes)s::bigint[], %(tokens)s::bigint[], %(run_ats)s::timestamptz[],
        %(created_ats)s::timestamptz[], %(started_ats)s::timestamptz[], %(finished_ats)s::timestamptz[],
        %(progresses)s::double precision[], %(priorities)s::integer[], %(attempts)s::integer[],
        %(lost_attempts)s::integer[], %(max_lost_attempts)s::integer[], %(pids)s::integer[], %(log_counts)s::integer[],
        %(states)s::smallint[], %(cancel_requests)s::boolean[], %(runners)s::text[], %(descriptions)s::text[],
        %(inputs)s::text[], %(outputs)s::text[], %(errors)s::text[]
    ) AS given (
        id, lane, token, run_at, created_at, started_at, finished_at, progress, priority, attempt, lost_attempts,
        max_lost_attempts, pid, log_count, state, cancel_requested, runner, description, input, output, error
    )
    WHERE NOT EXISTS (
        SELECT FROM (
            SELECT first_id, size FROM {bundles} WHERE first_id <= given.id ORDER BY first_id DESC LIMIT 1
        ) AS near
        WHERE near.first_id + near.size > given.id
    )
    ON CONFLICT (id) DO NOTHING
    RETURNING id, lane, state
), lines AS (
    INSERT INTO {log_lines} (task_id, n, level, at, attempt, source, logger, text)
    SELECT line.task_id, line.n, line.level, line.at, line.attempt, line.source, line.logger, line.text
    FROM unnest(
        %(line_ids)s::bigint[], %(line_numbers)s::integer[], %(line_levels)s::integer[],
        %(line_ats)s::double precision[], %(line_attempts)s::integer[], %(line_sources)s::text[],
        %(line_loggers)s::text[], %(line_texts)s::text[]
    ) AS line (task_id, n, level, at, attempt, source, logger, text)
    JOIN restored ON restored.id = line.task_id
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n) SELECT lane, state, count(*) FROM restored GROUP BY lane, state
)
SELECT count(*) FROM restored
