-- Give a runner the next tasks of the lanes that it serves. What is locked is not asked for its state again: that would
-- allow a plan that reads through all ready tasks. As little would "lane =" keep the planner from reading the bundles
-- of all lanes in the order of their ids; BETWEEN does. Most tasks are due when they are added: `run_at` is NULL then.
WITH served AS (
    SELECT id, queue, name FROM {lanes}
    WHERE (name = ANY (%(names)s::text[]) OR name ^@ ANY (%(families)s::text[]))
        AND (%(queues)s::text[] IS NULL OR queue = ANY (%(queues)s::text[]))
        AND EXISTS (SELECT FROM {runners} WHERE id = %(runner)s AND expires_at > clock_timestamp())
), shares AS (
    -- How many of the next tasks are in which lane, in rows of their own or in bundles, and how many rows that are.
    -- Nothing is locked here that is not taken afterwards.
    SELECT lane, bundled, count(*) AS rows, sum(least(size, %(limit)s - past))::integer AS n
    FROM (
        SELECT lane, bundled, size, sum(size) OVER (ORDER BY priority DESC, run_at, id) - size AS past
        FROM (
            SELECT served.id AS lane, head.*
            FROM served CROSS JOIN LATERAL (
                (
                    SELECT false AS bundled, task.priority, task.run_at, task.id, 1 AS size FROM {tasks} AS task
                    WHERE task.lane = served.id AND task.state = 2
                    ORDER BY task.priority DESC, task.run_at, task.id LIMIT %(limit)s
                ) UNION ALL (
                    SELECT true, 0, bundle.run_at, bundle.first_id, bundle.size FROM {bundles} AS bundle
                    WHERE bundle.lane BETWEEN served.id AND served.id
                    ORDER BY bundle.lane, bundle.first_id LIMIT %(limit)s
                )
            ) AS head
            ORDER BY head.priority DESC, head.run_at, head.id LIMIT %(limit)s
        ) AS first
    ) AS next
    WHERE past < %(limit)s
    GROUP BY lane, bundled
), locked AS (
    -- Others may claim in the same moment: what they have locked is passed over.
    SELECT head.id, shares.lane
    FROM shares CROSS JOIN LATERAL (
        SELECT id FROM {tasks} WHERE lane = shares.lane AND state = 2
        ORDER BY priority DESC, run_at, id LIMIT shares.rows FOR UPDATE SKIP LOCKED
    ) AS head
    WHERE NOT shares.bundled
), opened AS (
    -- The last bundle may have more tasks than are wanted.
    SELECT *, least(size, wanted) AS taken
    FROM (
        SELECT head.*,
            shares.n + size - sum(size) OVER (PARTITION BY head.lane ORDER BY first_id)::integer AS wanted
        FROM shares CROSS JOIN LATERAL (
            SELECT * FROM {bundles} AS bundle
            WHERE bundle.lane BETWEEN shares.lane AND shares.lane
            ORDER BY bundle.lane, bundle.first_id LIMIT shares.rows FOR UPDATE SKIP LOCKED
        ) AS head
        WHERE shares.bundled
    ) AS head
    WHERE wanted > 0
), holder AS (
    -- Whoever rescues or releases the runner waits for this transaction, or has ended before: a heartbeat does not.
    -- A token is the time: one whose claim was lost, with a server that failed or before a backup was restored, does not
    -- come again.
    SELECT id, (extract(epoch FROM statement_timestamp()) * 1000000)::bigint AS token FROM {runners}
    WHERE id = %(runner)s AND expires_at > clock_timestamp()
        AND (EXISTS (SELECT FROM locked) OR EXISTS (SELECT FROM opened))
    FOR KEY SHARE
), emptied AS (
    DELETE FROM {bundles} WHERE first_id = ANY (ARRAY(SELECT first_id FROM opened)) AND EXISTS (SELECT FROM holder)
), left_over AS (
    INSERT INTO {bundles} (first_id, size, lane, run_at, max_lost_attempts, description, inputs, headers)
    SELECT first_id + taken, size - taken, lane, run_at, max_lost_attempts, description, inputs[taken + 1:],
        headers[taken + 1:]
    FROM opened, holder WHERE taken < size
), unpacked AS (
    INSERT INTO {tasks} (
        id, lane, token, run_at, created_at, priority, attempt, max_lost_attempts, state, runner, description, input,
        headers
    )
    SELECT first_id + n - 1, lane, token, run_at, run_at, 0, 1, max_lost_attempts, 3, holder.id, description, input,
        given.headers
    FROM holder, opened CROSS JOIN LATERAL
        unnest(inputs[:taken], opened.headers[:taken]) WITH ORDINALITY AS given (input, headers, n)
    RETURNING *
), granted AS (
    UPDATE {tasks}
    SET state = 3, attempt = attempt + 1, runner = %(runner)s, error = NULL, progress = 0, started_at = NULL, pid = 0,
        progress_note = NULL,
        -- Modulo 50 it is the next one, so that no attempt takes the place of another in the ring of the history.
        token = token + 51 + 50 * greatest(((SELECT token FROM holder) - token) / 50, 0)
    WHERE id = ANY (ARRAY(SELECT id FROM locked)) AND EXISTS (SELECT FROM holder)
    RETURNING *
), claimed AS (
    SELECT * FROM granted UNION ALL SELECT * FROM unpacked
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, moved.state, moved.sign * count(*)
    FROM claimed CROSS JOIN (VALUES (2, -1), (3, 1)) AS moved (state, sign)
    GROUP BY lane, moved.state, moved.sign
)
SELECT claimed.id, token, attempt, name, description, input, output, queue, priority, lost_attempts,
    max_lost_attempts, log_count, date_part('epoch', created_at),
    CASE WHEN run_at <> created_at THEN date_part('epoch', run_at) END, headers, owner, checkpoint
FROM claimed JOIN served ON served.id = claimed.lane
ORDER BY priority DESC, run_at, claimed.id
