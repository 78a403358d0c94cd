-- Instants become whole microseconds, exact in all years that a datetime knows; and tables become strict, so that nobody
-- can put a text where a number belongs. What was put there before is made a number here, as SQLite reads it.
-- Not beside runners of an older lilota, which count in seconds: see `BREAKING` in migrations.py.
DROP VIEW task_details;
DROP TRIGGER large_headers_end;
DROP INDEX tasks_ready;
DROP INDEX tasks_scheduled;
DROP INDEX tasks_by_lane;
DROP INDEX tasks_ended;
DROP INDEX tasks_cancel_requested;
ALTER TABLE meta RENAME TO old_meta;
ALTER TABLE tasks RENAME TO old_tasks;
ALTER TABLE lanes RENAME TO old_lanes;
ALTER TABLE runners RENAME TO old_runners;
ALTER TABLE turns RENAME TO old_turns;
ALTER TABLE log_lines RENAME TO old_log_lines;

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
INSERT INTO meta SELECT CAST(key AS TEXT), CAST(value AS INTEGER) FROM old_meta;
UPDATE meta SET value = 4 WHERE key = 'min_reader';

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
) STRICT;
INSERT INTO lanes
SELECT id, CAST(queue AS TEXT), CAST(name AS TEXT), CAST(waiting AS INTEGER), CAST(scheduled AS INTEGER),
    CAST(ready AS INTEGER), CAST(running AS INTEGER), CAST(succeeded AS INTEGER), CAST(failed AS INTEGER),
    CAST(cancelled AS INTEGER)
FROM old_lanes;

-- What changes often comes first; long texts are in tables of their own, so that a change of state does not copy them.
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    lane INTEGER NOT NULL REFERENCES lanes (id),
    state INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
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
    output TEXT,
    headers TEXT
) STRICT;
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

-- Row by row into the indexes: to make them afterwards would sort all rows in memory.
-- A task of an unknown state has failed. Seconds near the end of time were rounded up, into a year that is none.
INSERT INTO tasks
SELECT id, CAST(lane AS INTEGER), CASE WHEN state BETWEEN 0 AND 6 THEN CAST(state AS INTEGER) ELSE 5 END,
    CAST(priority AS INTEGER),
    max(-62135596800000000, min(253402300799999999, CAST(round(run_at * 1e6) AS INTEGER))),
    max(-62135596800000000, min(253402300799999999, CAST(round(created_at * 1e6) AS INTEGER))),
    max(-62135596800000000, min(253402300799999999, CAST(round(started_at * 1e6) AS INTEGER))),
    max(-62135596800000000, min(253402300799999999, CAST(round(finished_at * 1e6) AS INTEGER))),
    CAST(attempt AS INTEGER), CAST(token AS INTEGER), CAST(lost_attempts AS INTEGER),
    CAST(max_lost_attempts AS INTEGER), CAST(pid AS INTEGER), CAST(progress AS REAL),
    CAST(cancel_requested AS INTEGER), CAST(log_count AS INTEGER), CAST(runner AS TEXT), CAST(error AS TEXT),
    CAST(description AS TEXT), CAST(input AS TEXT), CAST(output AS TEXT), CAST(headers AS TEXT)
FROM old_tasks;
DROP TABLE old_tasks;
DROP TABLE old_lanes;
DROP TABLE old_meta;

CREATE TRIGGER large_headers_end AFTER DELETE ON tasks WHEN old.headers = 'long'
BEGIN
    DELETE FROM large_headers WHERE id = old.id;
END;

CREATE TABLE runners (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    lease_seconds REAL NOT NULL,
    expires_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    heartbeat_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
-- The leases of all of these have ended. The first schema said neither when a runner started nor when it was heard of.
INSERT INTO runners
SELECT CAST(id AS TEXT), CAST(host AS TEXT), CAST(pid AS INTEGER), CAST(lease_seconds AS REAL),
    CAST(round(expires_at * 1e6) AS INTEGER),
    CAST(round(coalesce(started_at, heartbeat_at, expires_at - lease_seconds) * 1e6) AS INTEGER),
    CAST(round(coalesce(heartbeat_at, expires_at - lease_seconds) * 1e6) AS INTEGER)
FROM old_runners;
DROP TABLE old_runners;

CREATE TABLE turns (
    chore TEXT PRIMARY KEY,
    taken_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
INSERT INTO turns SELECT CAST(chore AS TEXT), CAST(round(taken_at * 1e6) AS INTEGER) FROM old_turns;
DROP TABLE old_turns;

-- The instant of a line is as its worker said it, in seconds.
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
) WITHOUT ROWID, STRICT;
INSERT INTO log_lines
SELECT CAST(task_id AS INTEGER), CAST(n AS INTEGER), CAST(at AS REAL), CAST(level AS INTEGER),
    CAST(attempt AS INTEGER), CAST(source AS TEXT), CAST(logger AS TEXT), CAST(text AS TEXT)
FROM old_log_lines;
DROP TABLE old_log_lines;

-- New columns come last: a lilota that knows fewer reads the first ones.
CREATE VIEW task_details AS
SELECT tasks.id, lanes.name, tasks.description, tasks.state, lanes.queue, tasks.priority,
    coalesce(tasks.input, (SELECT text FROM large_inputs WHERE large_inputs.id = tasks.id)) AS input,
    coalesce(tasks.output, (SELECT text FROM large_outputs WHERE large_outputs.id = tasks.id)) AS output,
    tasks.created_at, tasks.run_at, tasks.started_at, tasks.finished_at, tasks.attempt, tasks.lost_attempts,
    tasks.max_lost_attempts, tasks.pid, tasks.runner, tasks.progress, tasks.error, tasks.cancel_requested,
    tasks.token,
    CASE tasks.headers WHEN 'long' THEN (SELECT text FROM large_headers WHERE large_headers.id = tasks.id)
        ELSE tasks.headers END AS headers
FROM tasks JOIN lanes ON lanes.id = tasks.lane;
