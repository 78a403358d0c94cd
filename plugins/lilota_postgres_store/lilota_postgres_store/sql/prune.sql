-- Delete ended tasks with their logs and notes, the oldest of each state first.
WITH doomed AS (
    SELECT ended.id
    FROM unnest(%(states)s::smallint[]) AS wanted (state) CROSS JOIN LATERAL (
        SELECT task.id FROM {tasks} AS task
        WHERE task.state = wanted.state AND task.finished_at IS NOT NULL AND task.finished_at
            <= to_timestamp(greatest(0, extract(epoch FROM statement_timestamp())::double precision - %(age)s::double precision))
        ORDER BY task.finished_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
    ) AS ended
    LIMIT %(limit)s::bigint
), pruned AS (
    DELETE FROM {tasks} WHERE id = ANY (ARRAY(SELECT id FROM doomed))
    RETURNING id, lane, state
), lines AS (
    DELETE FROM {log_lines} WHERE task_id = ANY (ARRAY(SELECT id FROM pruned))
), noted AS (
    DELETE FROM {notes} WHERE task_id = ANY (ARRAY(SELECT id FROM pruned))
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n) SELECT lane, state, -count(*) FROM pruned GROUP BY lane, state
)
SELECT count(*) FROM pruned
