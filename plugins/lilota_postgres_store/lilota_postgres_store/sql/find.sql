-- A page of all tasks, of those with a row of their own and of those in bundles, which are found by the first id.
WITH page AS (
    SELECT id, bundle
    FROM (
        (
            SELECT id, NULL::bigint AS bundle FROM {tasks} WHERE id {beyond} %(start)s::bigint
            ORDER BY id {order} LIMIT %(limit)s::bigint
        ) UNION ALL (
            SELECT task.id, bundle.first_id
            FROM (
                SELECT first_id, size FROM {bundles} WHERE first_id {beyond} %(bundle_start)s::bigint
                ORDER BY first_id {order}
            ) AS bundle
            CROSS JOIN LATERAL (
                SELECT id FROM generate_series(bundle.first_id, bundle.first_id + bundle.size - 1) AS id
                WHERE id {beyond} %(start)s::bigint ORDER BY id {order}
            ) AS task
            LIMIT %(limit)s::bigint
        )
    ) AS found
    ORDER BY id {order} LIMIT %(limit)s::bigint
)
{details}
