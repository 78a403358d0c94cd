-- Give the tasks of a JSON list of ids to a runner: the runner, the list.
UPDATE tasks
SET state = 3, attempt = attempt + 1, token = token + 1, runner = ?, error = NULL, started_at = NULL, pid = 0,
    progress = 0, progress_note = NULL
WHERE id IN (SELECT value FROM json_each(?))
RETURNING lane, id, token, attempt, description,
    coalesce(input, (SELECT text FROM large_inputs WHERE large_inputs.id = tasks.id)),
    coalesce(output, (SELECT text FROM large_outputs WHERE large_outputs.id = tasks.id)),
    priority, lost_attempts, max_lost_attempts, log_count, created_at, run_at,
    CASE headers WHEN 'long' THEN (SELECT text FROM large_headers WHERE large_headers.id = tasks.id) ELSE headers END,
    CASE WHEN owner IS NOT NULL OR has_checkpoint IS NOT NULL THEN id END
