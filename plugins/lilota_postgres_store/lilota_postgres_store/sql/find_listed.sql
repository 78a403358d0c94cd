SELECT * FROM (
    SELECT * FROM {task_details} WHERE id = ANY (%(ids)s::bigint[])
    UNION ALL
    SELECT * FROM {bundled_details}
    WHERE bundle = ANY (ARRAY(
            SELECT near.first_id
            FROM unnest(%(ids)s::bigint[]) AS wanted (id) CROSS JOIN LATERAL (
                SELECT first_id FROM {bundles} WHERE first_id <= wanted.id ORDER BY first_id DESC LIMIT 1
            ) AS near
        ))
        AND id IN (SELECT unnest(%(ids)s::bigint[]))
) AS listed
WHERE id {beyond} %(start)s::bigint AND state + 0 = ANY (%(states)s::smallint[])
    AND (%(names)s::text[] IS NULL OR name = ANY (%(names)s::text[]))
    AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
ORDER BY id {order} LIMIT %(limit)s::bigint
