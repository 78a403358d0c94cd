-- Give a runner the next tasks of the lanes that it serves. What is locked is not asked for its state again: that would
-- allow a plan that reads through all ready tasks.
WITH served AS (
    SELECT id, queue, name FROM {lanes}
    WHERE name = ANY (%(names)s::text[])
        AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
        AND EXISTS (SELECT FROM {runners} WHERE id = %(runner)s AND expires_at > clock_timestamp())
), shares AS (
    -- How many of the next tasks are in which lane, ready or fresh. Nothing is locked here that is not taken afterwards.
    SELECT lane, state, count(*) AS n
    FROM (
        SELECT served.id AS lane, head.state
        FROM served CROSS JOIN LATERAL (
            (
                SELECT task.state, task.priority, task.run_at, task.id FROM {tasks} AS task
                WHERE task.lane = served.id AND task.state = 2
                ORDER BY task.priority DESC, task.run_at, task.id LIMIT %(limit)s::bigint
            ) UNION ALL (
                SELECT task.state, task.priority, task.run_at, task.id FROM {tasks} AS task
                WHERE task.lane = served.id AND task.state = 7
                ORDER BY task.id LIMIT %(limit)s::bigint
            )
        ) AS head
        ORDER BY head.priority DESC, head.run_at, head.id LIMIT %(limit)s::bigint
    ) AS next
    GROUP BY lane, state
), locked_ready AS (
    -- Others may claim in the same moment: what they have locked is passed over.
    SELECT head.id, shares.lane, shares.state
    FROM shares CROSS JOIN LATERAL (
        SELECT task.id FROM {tasks} AS task
        WHERE task.lane = shares.lane AND task.state = 2
        ORDER BY task.priority DESC, task.run_at, task.id LIMIT shares.n FOR UPDATE SKIP LOCKED
    ) AS head
    WHERE shares.state = 2
), locked_fresh AS (
    SELECT head.id, shares.lane, shares.state
    FROM shares CROSS JOIN LATERAL (
        SELECT task.id FROM {tasks} AS task
        WHERE task.lane = shares.lane AND task.state = 7
        ORDER BY task.id LIMIT shares.n FOR UPDATE SKIP LOCKED
    ) AS head
    WHERE shares.state = 7
), locked AS (
    SELECT id, lane, state FROM locked_ready UNION ALL SELECT id, lane, state FROM locked_fresh
), holder AS (
    -- Whoever rescues or releases the runner waits for this transaction, or has ended before: a heartbeat does not.
    SELECT id FROM {runners}
    WHERE id = %(runner)s AND expires_at > clock_timestamp() AND EXISTS (SELECT FROM locked)
    FOR KEY SHARE
), granted AS (
    -- A token is the time: one whose claim was lost, with a server that failed or before a backup was restored, does not
    -- come again.
    UPDATE {tasks}
    SET state = 3, attempt = attempt + 1, runner = %(runner)s, error = NULL, progress = 0, started_at = NULL, pid = 0,
        token = greatest(token + 1, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint)
    WHERE id = ANY (ARRAY(SELECT id FROM locked)) AND EXISTS (SELECT FROM holder)
    RETURNING id, token, attempt, lane, description, input, output, priority, run_at, lost_attempts, max_lost_attempts,
        log_count
), moved AS (
    SELECT lane, state, count(*) AS n FROM locked WHERE EXISTS (SELECT FROM holder) GROUP BY lane, state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, state, -n FROM moved UNION ALL SELECT lane, 3, n FROM moved
)
SELECT granted.id, granted.token, granted.attempt, served.name, granted.description, granted.input, granted.output,
    served.queue, granted.priority, granted.lost_attempts, granted.max_lost_attempts, granted.log_count
FROM granted JOIN served ON served.id = granted.lane
ORDER BY granted.priority DESC, granted.run_at, granted.id
