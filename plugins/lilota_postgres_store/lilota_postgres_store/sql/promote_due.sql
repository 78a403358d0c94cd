-- Make scheduled tasks ready that have become due; also those in state 7, which programs of schema version 2 add until
-- they are restarted. What is locked is not asked for its state again (claim.sql).
WITH scheduled AS (
    SELECT id, state FROM {tasks} WHERE state = 1 AND run_at <= statement_timestamp()
    ORDER BY run_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), fresh AS (
    SELECT id, state FROM {tasks} WHERE state = 7
    ORDER BY lane, id LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
), due AS (
    SELECT id, state FROM scheduled UNION ALL SELECT id, state FROM fresh
), promoted AS (
    UPDATE {tasks} AS task SET state = 2 WHERE id = ANY (ARRAY(SELECT id FROM due)) RETURNING id, lane
), moved AS (
    SELECT lane, due.state, count(*) AS n FROM promoted JOIN due USING (id) GROUP BY lane, due.state
)
INSERT INTO {lane_counts} (lane, state, n)
SELECT lane, state, -n FROM moved UNION ALL SELECT lane, 2, n FROM moved
