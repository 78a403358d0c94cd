-- As add, for tasks that differ in nothing but their input and are due at once. They get their ids in the order of the
-- array, in which unnest reads it.
WITH added AS (
    INSERT INTO {tasks} (lane, state, priority, run_at, created_at, max_lost_attempts, description, input)
    SELECT %(lane)s::bigint, 2, %(priority)s::integer, statement_timestamp(), statement_timestamp(),
        %(max_lost_attempts)s::integer, %(description)s::text, unnest(%(inputs)s::text[])
    WHERE EXISTS (SELECT FROM {lanes} WHERE id = %(lane)s::bigint)
        AND (SELECT value FROM {meta} WHERE key = 'store_id') = %(store_id)s
    RETURNING id
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT %(lane)s::bigint, 2, cardinality(%(inputs)s::text[]) WHERE EXISTS (SELECT FROM added)
)
SELECT id FROM added
