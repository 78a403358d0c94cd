-- The first schema. States: 0 waiting, 1 scheduled (pending, not yet due), 2 ready (pending, due), 3 running,
-- 4 succeeded, 5 failed, 6 cancelled. Instants are seconds since the epoch.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('schema_version', 0), ('min_reader', 1), ('last_task_id', 0), ('syncs', 0);

-- The tasks of one name in one queue. The counters change in the transaction that changes the tasks.
CREATE TABLE lanes (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    name TEXT NOT NULL,
    waiting INTEGER NOT NULL DEFAULT 0,
    scheduled INTEGER NOT NULL DEFAULT 0,
    ready INTEGER NOT NULL DEFAULT 0,
    running INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    failed INTEGER NOT NULL DEFAULT 0,
    cancelled INTEGER NOT NULL DEFAULT 0,
    UNIQUE (queue, name)
);

-- What changes often comes first; long texts are in tables of their own, so that a change of state does not copy them.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL REFERENCES lanes (id),
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    run_at REAL NOT NULL,
    created_at REAL NOT NULL,
    started_at REAL,
    finished_at REAL,
    attempt INTEGER NOT NULL DEFAULT 0,
    token INTEGER NOT NULL DEFAULT 0,
    lost_attempts INTEGER NOT NULL DEFAULT 0,
    max_lost_attempts INTEGER NOT NULL,
    pid INTEGER NOT NULL DEFAULT 0,
    progress REAL NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    log_count INTEGER NOT NULL DEFAULT 0,
    runner TEXT,
    error TEXT,
    description TEXT NOT NULL,
    input TEXT,
    output TEXT
);

CREATE TABLE large_inputs (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE large_outputs (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- claim: the next tasks of a lane.
CREATE INDEX tasks_ready ON tasks (lane, priority DESC, run_at, id) WHERE state = 2;
-- claim: what has become due.
CREATE INDEX tasks_scheduled ON tasks (run_at) WHERE state = 1;
-- find: pages by id of any combination of lanes and states; release and rescue: what is running.
CREATE INDEX tasks_by_lane ON tasks (lane, state);
-- prune: what ended first. Only ended tasks have a finished_at.
CREATE INDEX tasks_ended ON tasks (state, finished_at) WHERE finished_at IS NOT NULL;
-- claim: which attempts of a runner somebody cancelled.
CREATE INDEX tasks_cancel_requested ON tasks (runner) WHERE cancel_requested = 1 AND state = 3;

CREATE TABLE runners (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    lease_seconds REAL NOT NULL,
    expires_at REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE log_lines (
    task_id INTEGER NOT NULL,
    n INTEGER NOT NULL,
    at REAL NOT NULL,
    level INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    source TEXT NOT NULL,
    logger TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (task_id, n)
) WITHOUT ROWID;

CREATE VIEW task_details AS
SELECT tasks.id, lanes.name, tasks.description, tasks.state, lanes.queue, tasks.priority,
    coalesce(tasks.input, (SELECT text FROM large_inputs WHERE large_inputs.id = tasks.id)) AS input,
    coalesce(tasks.output, (SELECT text FROM large_outputs WHERE large_outputs.id = tasks.id)) AS output,
    tasks.created_at, tasks.run_at, tasks.started_at, tasks.finished_at, tasks.attempt, tasks.lost_attempts,
    tasks.max_lost_attempts, tasks.pid, tasks.runner, tasks.progress, tasks.error, tasks.cancel_requested,
    tasks.token
FROM tasks JOIN lanes ON lanes.id = tasks.lane;
