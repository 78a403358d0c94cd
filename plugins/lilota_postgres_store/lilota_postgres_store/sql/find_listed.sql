-- A page of the tasks with given ids (find).
WITH page AS (
    SELECT listed.id, listed.bundle
    FROM (
        SELECT id, lane, state, owner, NULL::bigint AS bundle FROM {tasks} WHERE id = ANY (%(ids)s::bigint[])
        UNION ALL
        SELECT wanted.id, near.lane, 2, NULL, near.first_id
        FROM unnest(%(ids)s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
            SELECT first_id, size, lane FROM {bundles} WHERE first_id <= wanted.id ORDER BY first_id DESC LIMIT 1
        ) AS near
        WHERE near.first_id + near.size > wanted.id
    ) AS listed
    JOIN {lanes} AS lane ON lane.id = listed.lane
    WHERE listed.id {beyond} %(start)s::bigint AND listed.state + 0 = ANY (%(states)s::smallint[])
        AND (%(names)s::text[] IS NULL OR lane.name = ANY (%(names)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
        AND (%(owner)s::text IS NULL OR listed.owner = %(owner)s)
    ORDER BY listed.id {order} LIMIT %(limit)s::bigint
)
{details}
