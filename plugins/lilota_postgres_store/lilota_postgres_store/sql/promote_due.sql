-- Make scheduled tasks ready that have become due. What is locked is not asked for its state again (claim.sql).
WITH promoted AS (
    UPDATE {tasks} SET state = 2
    WHERE id = ANY (ARRAY(
        SELECT id FROM {tasks} WHERE state = 1 AND run_at <= statement_timestamp()
        ORDER BY run_at LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED
    ))
    RETURNING lane
), moved AS (
    SELECT lane, count(*) AS n FROM promoted GROUP BY lane
)
INSERT INTO {lane_counts} (lane, state, n)
SELECT lane, 1, -n FROM moved UNION ALL SELECT lane, 2, n FROM moved
