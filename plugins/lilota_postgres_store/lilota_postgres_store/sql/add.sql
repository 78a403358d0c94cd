-- Add tasks, if all distinct lanes exist that are given and this is the store that is meant; otherwise there is no row.
WITH added AS (
    INSERT INTO {tasks} (lane, state, priority, run_at, created_at, max_lost_attempts, description, input, headers, owner)
    SELECT lane, CASE WHEN due_at > statement_timestamp() THEN 1 ELSE 2 END,
        priority, due_at, statement_timestamp(), max_lost_attempts, description, input, headers, owner
    FROM (
        SELECT lane, priority, coalesce(run_at, statement_timestamp() + make_interval(secs => delay)) AS due_at,
            max_lost_attempts, description, input, headers, owner, n
        FROM unnest(
            %(lanes)s::bigint[], %(priorities)s::integer[], %(run_ats)s::timestamptz[], %(delays)s::double precision[],
            %(max_lost_attempts)s::integer[], %(descriptions)s::text[], %(inputs)s::text[], %(headers)s::text[],
            %(owners)s::text[]
        ) WITH ORDINALITY AS given (
            lane, priority, run_at, delay, max_lost_attempts, description, input, headers, owner, n
        )
    ) AS given
    WHERE (SELECT count(*) FROM {lanes} WHERE id = ANY (%(distinct_lanes)s::bigint[]))
            = cardinality(%(distinct_lanes)s::bigint[])
        AND (SELECT value FROM {meta} WHERE key = 'store_id') = %(store_id)s
    ORDER BY n
    RETURNING id, lane, state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n) SELECT lane, state, count(*) FROM added GROUP BY lane, state
)
SELECT id, 1 FROM added
