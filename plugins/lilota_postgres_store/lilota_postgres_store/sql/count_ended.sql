-- How many tasks ended between each two edges, in each state: places from 1 on, those without any left out.
SELECT stretch.place, wanted.state, ended.number
FROM unnest(%(begins)s::timestamptz[], %(ends)s::timestamptz[]) WITH ORDINALITY AS stretch (begins_at, ends_at, place)
CROSS JOIN unnest(%(states)s::smallint[]) AS wanted (state)
CROSS JOIN LATERAL (
    SELECT count(*) AS number FROM (
        SELECT FROM {tasks} AS task
        WHERE task.state = wanted.state AND task.finished_at IS NOT NULL
            AND task.finished_at >= stretch.begins_at AND task.finished_at < stretch.ends_at
        ORDER BY task.finished_at LIMIT %(limit)s::bigint
    ) AS counted
) AS ended
WHERE ended.number > 0
