-- The tasks of a `page` of ids, with the bundle in which a task is, or NULL for a row of its own. What is left out of a
-- brief page is not fetched from where long texts are.
SELECT task.id, lane.name, task.description, task.state, lane.queue, task.priority,
    CASE WHEN %(brief)s::boolean THEN '{{}}' ELSE task.input END, CASE WHEN NOT %(brief)s::boolean THEN task.output END,
    (extract(epoch FROM task.created_at) * 1000000)::bigint, (extract(epoch FROM task.run_at) * 1000000)::bigint,
    (extract(epoch FROM task.started_at) * 1000000)::bigint, (extract(epoch FROM task.finished_at) * 1000000)::bigint,
    task.attempt, task.token, task.lost_attempts, task.max_lost_attempts, task.pid, task.runner, task.progress,
    task.error, task.cancel_requested, task.headers, task.owner, task.progress_note,
    CASE WHEN NOT %(brief)s::boolean THEN task.checkpoint END
FROM {tasks} AS task JOIN {lanes} AS lane ON lane.id = task.lane
WHERE task.id = ANY (ARRAY(SELECT id FROM page WHERE bundle IS NULL))
UNION ALL
SELECT bundle.first_id + given.n - 1, lane.name, bundle.description, 2, lane.queue, 0,
    CASE WHEN %(brief)s::boolean THEN '{{}}' ELSE given.input END, NULL,
    (extract(epoch FROM bundle.run_at) * 1000000)::bigint, (extract(epoch FROM bundle.run_at) * 1000000)::bigint,
    NULL, NULL, 0, 0, 0, bundle.max_lost_attempts, 0, NULL, 0, NULL, false, given.headers, NULL, NULL, NULL
FROM {bundles} AS bundle JOIN {lanes} AS lane ON lane.id = bundle.lane
CROSS JOIN LATERAL unnest(bundle.inputs, bundle.headers) WITH ORDINALITY AS given (input, headers, n)
WHERE bundle.first_id = ANY (ARRAY(SELECT bundle FROM page WHERE bundle IS NOT NULL))
    AND bundle.first_id + given.n - 1 IN (SELECT id FROM page)
