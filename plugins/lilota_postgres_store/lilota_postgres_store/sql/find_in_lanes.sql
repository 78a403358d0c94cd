-- A page of each lane and state that match, and the page that they make together (find). Bundles are ready. For BETWEEN
-- see claim.
WITH page AS (
    SELECT found.id, found.bundle
    FROM {lanes} AS lane
    CROSS JOIN unnest(%(states)s::smallint[]) AS wanted (state)
    CROSS JOIN LATERAL (
        (
            SELECT task.id, NULL::bigint AS bundle FROM {tasks} AS task
            WHERE task.state = wanted.state AND task.lane = lane.id AND task.id {beyond} %(start)s::bigint
            ORDER BY task.id {order} LIMIT %(limit)s::bigint
        ) UNION ALL (
            SELECT task.id, bundle.first_id
            FROM (
                SELECT first_id, size FROM {bundles}
                WHERE wanted.state = 2 AND {bundles}.lane BETWEEN lane.id AND lane.id
                    AND first_id {beyond} %(bundle_start)s::bigint
                ORDER BY {bundles}.lane {order}, first_id {order}
            ) AS bundle
            CROSS JOIN LATERAL (
                SELECT id FROM generate_series(bundle.first_id, bundle.first_id + bundle.size - 1) AS id
                WHERE id {beyond} %(start)s::bigint ORDER BY id {order}
            ) AS task
            LIMIT %(limit)s::bigint
        )
    ) AS found
    WHERE (%(names)s::text[] IS NULL OR lane.name = ANY (%(names)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
    ORDER BY found.id {order} LIMIT %(limit)s::bigint
)
{details}
