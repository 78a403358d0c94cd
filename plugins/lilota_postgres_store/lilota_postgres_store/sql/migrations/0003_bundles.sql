-- Tasks that were added together, are due since then, have the usual priority and differ in nothing but their input:
-- one row, until they are claimed. Their ids follow each other. An older lilota would never run them.
CREATE TABLE {bundles} (
    first_id bigint PRIMARY KEY,
    size integer NOT NULL CHECK (size BETWEEN 1 AND 100),
    lane bigint NOT NULL,
    run_at timestamptz NOT NULL,
    max_lost_attempts integer NOT NULL,
    description text NOT NULL,
    inputs text[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0);

-- claim: the next bundles of a lane; find: pages by id of any combination of lanes.
CREATE INDEX {bundles_by_lane} ON {bundles} (lane, first_id);

-- For `find`: the columns of both views are the same.
CREATE OR REPLACE VIEW {task_details} AS
SELECT task.id, lane.name, task.description, task.state, lane.queue, task.priority, task.input, task.output,
    (extract(epoch FROM task.created_at) * 1000000)::bigint AS created_at,
    (extract(epoch FROM task.run_at) * 1000000)::bigint AS run_at,
    (extract(epoch FROM task.started_at) * 1000000)::bigint AS started_at,
    (extract(epoch FROM task.finished_at) * 1000000)::bigint AS finished_at,
    task.attempt, task.lost_attempts, task.max_lost_attempts, task.pid, task.runner, task.progress, task.error,
    task.cancel_requested, task.token, NULL::bigint AS bundle
FROM {tasks} AS task JOIN {lanes} AS lane ON lane.id = task.lane;

CREATE VIEW {bundled_details} AS
SELECT bundle.first_id + given.n - 1 AS id, lane.name, bundle.description, 2::smallint AS state, lane.queue,
    0 AS priority, given.input, NULL::text AS output,
    (extract(epoch FROM bundle.run_at) * 1000000)::bigint AS created_at,
    (extract(epoch FROM bundle.run_at) * 1000000)::bigint AS run_at,
    NULL::bigint AS started_at, NULL::bigint AS finished_at, 0 AS attempt, 0 AS lost_attempts,
    bundle.max_lost_attempts, 0 AS pid, NULL::text AS runner, 0::double precision AS progress, NULL::text AS error,
    false AS cancel_requested, 0::bigint AS token, bundle.first_id AS bundle
FROM {bundles} AS bundle
JOIN {lanes} AS lane ON lane.id = bundle.lane
CROSS JOIN LATERAL unnest(bundle.inputs) WITH ORDINALITY AS given (input, n);

-- State 7 is no more. Programs that are not restarted yet may still add such tasks: promote_due.
INSERT INTO {lane_counts} (lane, state, n)
SELECT lane, moved.state, moved.sign * count(*)
FROM {tasks} CROSS JOIN (VALUES (7, -1), (2, 1)) AS moved (state, sign)
WHERE {tasks}.state = 7
GROUP BY lane, moved.state, moved.sign;
UPDATE {tasks} SET state = 2 WHERE state = 7;

UPDATE {meta} SET value = '3' WHERE key = 'min_reader';
