-- What travels with a task. Of long headers the row has the word 'long': a change of state would copy them.
ALTER TABLE tasks ADD COLUMN headers TEXT;

CREATE TABLE large_headers (id INTEGER PRIMARY KEY, text TEXT NOT NULL);

-- Not left to prune, because a lilota that knows no headers prunes, too.
CREATE TRIGGER large_headers_end AFTER DELETE ON tasks WHEN old.headers = 'long'
BEGIN
    DELETE FROM large_headers WHERE id = old.id;
END;

-- New columns come last: a lilota that knows fewer reads the first ones.
DROP VIEW task_details;
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
