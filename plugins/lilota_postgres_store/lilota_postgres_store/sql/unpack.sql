-- Give a task of a bundle a row of its own. Those before it, and those after it, stay together.
WITH opened AS (
    DELETE FROM {bundles}
    WHERE first_id = (
            SELECT first_id FROM {bundles} WHERE first_id <= %(id)s::bigint ORDER BY first_id DESC LIMIT 1
        )
        AND first_id + size > %(id)s::bigint
    RETURNING *, (%(id)s::bigint - first_id)::integer AS before
), left_over AS (
    INSERT INTO {bundles} (first_id, size, lane, run_at, max_lost_attempts, description, inputs, headers)
    SELECT first_id + skipped, part.size, lane, run_at, max_lost_attempts, description,
        inputs[skipped + 1:skipped + part.size], headers[skipped + 1:skipped + part.size]
    FROM opened CROSS JOIN LATERAL (VALUES (0, before), (before + 1, size - before - 1)) AS part (skipped, size)
    WHERE part.size > 0
)
INSERT INTO {tasks} (id, lane, run_at, created_at, priority, max_lost_attempts, state, description, input, headers)
SELECT first_id + before, lane, run_at, run_at, 0, max_lost_attempts, 2, description, inputs[before + 1],
    headers[before + 1]
FROM opened
