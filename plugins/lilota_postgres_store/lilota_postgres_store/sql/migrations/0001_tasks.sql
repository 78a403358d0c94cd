-- The first schema. States: 0 waiting, 1 scheduled (pending, not yet due), 2 ready (pending, due), 3 running,
-- 4 succeeded, 5 failed, 6 cancelled.

CREATE TABLE {meta} (
    key text PRIMARY KEY,
    value text NOT NULL
);

-- The id tells whether a connection of the application's leads to this very store.
INSERT INTO {meta} (key, value)
VALUES ('schema_version', '0'), ('min_reader', '1'), ('store_id', gen_random_uuid()::text);

-- The tasks of one name in one queue. The id is made of these two (lanes.py), so that it is the same in any database.
CREATE TABLE {lanes} (
    id bigint PRIMARY KEY,
    queue text NOT NULL,
    name text NOT NULL
);

-- How many tasks of a lane came into a state, or left it. The sum is the number of tasks; nobody waits for a row here.
CREATE TABLE {lane_counts} (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane bigint NOT NULL,
    state smallint NOT NULL,
    n bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);

CREATE SEQUENCE {task_ids};

-- Long texts are moved out of the row by PostgreSQL itself, so that a change of state does not copy them.
-- No foreign keys: what refers to a row is written in a statement that makes sure of it, for a whole batch at once.
CREATE TABLE {tasks} (
    id bigint PRIMARY KEY DEFAULT nextval({task_ids_text}),
    lane bigint NOT NULL,
    token bigint NOT NULL DEFAULT 0,
    run_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    finished_at timestamptz,
    progress double precision NOT NULL DEFAULT 0,
    priority integer NOT NULL,
    attempt integer NOT NULL DEFAULT 0,
    lost_attempts integer NOT NULL DEFAULT 0,
    max_lost_attempts integer NOT NULL,
    pid integer NOT NULL DEFAULT 0,
    log_count integer NOT NULL DEFAULT 0,
    state smallint NOT NULL,
    cancel_requested boolean NOT NULL DEFAULT false,
    runner text,
    description text NOT NULL,
    input text NOT NULL,
    output text,
    error text
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

ALTER SEQUENCE {task_ids} OWNED BY {tasks}.id;

-- claim: the next tasks of a lane (but for fresh ones, 0002).
CREATE INDEX {tasks_ready} ON {tasks} (lane, priority DESC, run_at, id) WHERE state = 2;
-- claim: what has become due.
CREATE INDEX {tasks_scheduled} ON {tasks} (run_at) WHERE state = 1;
-- find: pages by id of any combination of lanes and states; release and rescue: what is running.
CREATE INDEX {tasks_by_state} ON {tasks} (state, lane, id);
-- prune: what ended first. Only ended tasks have a finished_at.
CREATE INDEX {tasks_ended} ON {tasks} (state, finished_at) WHERE finished_at IS NOT NULL;
-- claim: which attempts of a runner somebody cancelled.
CREATE INDEX {tasks_cancel_requested} ON {tasks} (runner) WHERE cancel_requested AND state = 3;

-- No index on expires_at: a heartbeat then changes nothing that is a key, and does not wait for a claim (claim.sql).
CREATE TABLE {runners} (
    id text PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    lease_seconds double precision NOT NULL,
    started_at timestamptz NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    was_in_time boolean NOT NULL DEFAULT true
) WITH (fillfactor = 50);

CREATE TABLE {log_lines} (
    task_id bigint NOT NULL,
    n integer NOT NULL,
    level integer NOT NULL,
    at double precision NOT NULL,
    attempt integer NOT NULL,
    source text NOT NULL,
    logger text NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (task_id, n)
);

CREATE TABLE {turns} (
    chore text PRIMARY KEY,
    taken_at timestamptz NOT NULL
);

-- Rises with every change that those who wait should hear of; for those who can't listen.
CREATE SEQUENCE {changes};

CREATE VIEW {task_details} AS
SELECT task.id, lane.name, task.description, task.state, lane.queue, task.priority, task.input, task.output,
    (extract(epoch FROM task.created_at) * 1000000)::bigint AS created_at,
    (extract(epoch FROM task.run_at) * 1000000)::bigint AS run_at,
    (extract(epoch FROM task.started_at) * 1000000)::bigint AS started_at,
    (extract(epoch FROM task.finished_at) * 1000000)::bigint AS finished_at,
    task.attempt, task.lost_attempts, task.max_lost_attempts, task.pid, task.runner, task.progress, task.error,
    task.cancel_requested, task.token
FROM {tasks} AS task JOIN {lanes} AS lane ON lane.id = task.lane;
