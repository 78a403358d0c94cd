-- Add tasks that differ in nothing but input and headers, are due at once and have the usual priority, in bundles. A
-- bundle has ids that follow each other; where others draw ids at the same time, there are more bundles.
WITH given AS (
    SELECT string_to_array(%(inputs)s, chr(30)) AS inputs, string_to_array(%(headers)s, chr(30), '') AS headers
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT id, 2, cardinality(inputs) FROM {lanes}, given
    WHERE id = %(lane)s::bigint AND (SELECT value FROM {meta} WHERE key = 'store_id') = %(store_id)s
    RETURNING lane
), drawn AS (
    SELECT nextval({task_ids_text}) AS id, n FROM given, generate_series(1, cardinality(inputs)) AS n
), spans AS (
    SELECT min(id) AS first_id, min(n) AS first, max(n) AS last
    FROM drawn GROUP BY id - n, (n - 1) / %(size)s::integer
)
INSERT INTO {bundles} (first_id, size, lane, run_at, max_lost_attempts, description, inputs, headers)
SELECT first_id, last - first + 1, lane, statement_timestamp(), %(max_lost_attempts)s::integer, %(description)s::text,
    inputs[first:last], headers[first:last]
FROM counted, spans, given
RETURNING first_id, size
