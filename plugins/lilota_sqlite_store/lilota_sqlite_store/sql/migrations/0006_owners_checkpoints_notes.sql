-- Whose a task is, from where its next attempt goes on, what it says of its progress, and what its attempts noted.
-- A program of before may go on: it leaves a checkpoint where a task succeeds, and notes where it prunes, which nobody
-- finds then.
ALTER TABLE tasks ADD COLUMN owner TEXT;
ALTER TABLE tasks ADD COLUMN progress_note TEXT;
ALTER TABLE tasks ADD COLUMN has_checkpoint INTEGER;

-- find and counts: the tasks of an owner. Most tasks have none, and no entry here.
CREATE INDEX tasks_by_owner ON tasks (owner, id) WHERE owner IS NOT NULL;

CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
) STRICT;

CREATE TABLE notes (
    task_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    PRIMARY KEY (task_id, kind, name)
) WITHOUT ROWID, STRICT;

DROP VIEW task_details;
-- New columns come last: a lilota that knows fewer reads the first ones.
CREATE VIEW task_details AS
SELECT tasks.id, lanes.name, tasks.description, tasks.state, lanes.queue, tasks.priority,
    coalesce(tasks.input, (SELECT text FROM large_inputs WHERE large_inputs.id = tasks.id)) AS input,
    coalesce(tasks.output, (SELECT text FROM large_outputs WHERE large_outputs.id = tasks.id)) AS output,
    tasks.created_at, tasks.run_at, tasks.started_at, tasks.finished_at, tasks.attempt, tasks.lost_attempts,
    tasks.max_lost_attempts, tasks.pid, tasks.runner, tasks.progress, tasks.error, tasks.cancel_requested,
    tasks.token,
    CASE tasks.headers WHEN 'long' THEN (SELECT text FROM large_headers WHERE large_headers.id = tasks.id)
        ELSE tasks.headers END AS headers,
    tasks.owner, tasks.progress_note,
    CASE WHEN tasks.has_checkpoint THEN (SELECT text FROM checkpoints WHERE checkpoints.id = tasks.id) END AS checkpoint
FROM tasks JOIN lanes ON lanes.id = tasks.lane;
