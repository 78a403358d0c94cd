-- Write tasks as another store kept them, with their log lines and notes; a task whose id exists stays as it is.
WITH restored AS (
    INSERT INTO {tasks}
    SELECT given.* FROM json_populate_recordset(NULL::{tasks}, %(tasks)s::json) AS given
    WHERE NOT EXISTS (
        SELECT FROM (
            SELECT first_id, size FROM {bundles} WHERE first_id <= given.id ORDER BY first_id DESC LIMIT 1
        ) AS near
        WHERE near.first_id + near.size > given.id
    )
    ON CONFLICT (id) DO NOTHING
    RETURNING id, lane, state
), lines AS (
    INSERT INTO {log_lines}
    SELECT line.* FROM json_populate_recordset(NULL::{log_lines}, %(lines)s::json) AS line
    JOIN restored ON restored.id = line.task_id
), noted AS (
    INSERT INTO {notes}
    SELECT note.* FROM json_populate_recordset(NULL::{notes}, %(notes)s::json) AS note
    JOIN restored ON restored.id = note.task_id
    -- A program of before notes may have pruned the task, and left them.
    ON CONFLICT (task_id, kind, name) DO UPDATE SET value = excluded.value, attempt = excluded.attempt
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n) SELECT lane, state, count(*) FROM restored GROUP BY lane, state
)
SELECT count(*) FROM restored
