-- Put many small counts together, so that they stay few. Whoever reads sees either all of them or their sum.
WITH folded AS (
    DELETE FROM {lane_counts}
    WHERE id = ANY (ARRAY(SELECT id FROM {lane_counts} LIMIT %(limit)s::bigint FOR UPDATE SKIP LOCKED))
    RETURNING lane, state, n
)
INSERT INTO {lane_counts} (lane, state, n)
SELECT lane, state, sum(n) FROM folded GROUP BY lane, state HAVING sum(n) <> 0
