-- A page of each lane and state that match, and the page that they make together.
SELECT * FROM {task_details}
WHERE id = ANY (ARRAY(
    SELECT found.id
    FROM {lanes} AS lane
    CROSS JOIN unnest(%(states)s::smallint[]) AS wanted (state)
    CROSS JOIN LATERAL (
        SELECT task.id FROM {tasks} AS task
        WHERE task.state = wanted.state AND task.lane = lane.id AND task.id > %(start)s::bigint
        ORDER BY task.id LIMIT %(limit)s::bigint
    ) AS found
    WHERE (%(names)s::text[] IS NULL OR lane.name = ANY (%(names)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
    ORDER BY found.id LIMIT %(limit)s::bigint
))
