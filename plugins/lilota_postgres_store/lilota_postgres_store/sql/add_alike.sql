-- As add, for tasks that differ in nothing but their input and are due at once. They get their ids in the order of the
-- array, in which unnest reads it.
WITH counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT id, %(state)s::smallint, cardinality(%(inputs)s::text[]) FROM {lanes}
    WHERE id = %(lane)s::bigint AND (SELECT value FROM {meta} WHERE key = 'store_id') = %(store_id)s
    RETURNING lane, state
)
INSERT INTO {tasks} (lane, state, priority, run_at, created_at, max_lost_attempts, description, input)
SELECT lane, state, %(priority)s::integer, statement_timestamp(), statement_timestamp(),
    %(max_lost_attempts)s::integer, %(description)s::text, unnest(%(inputs)s::text[])
FROM counted
RETURNING id
