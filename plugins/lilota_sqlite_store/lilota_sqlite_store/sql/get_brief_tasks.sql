-- The same as get_tasks without input, output and checkpoint, which are not read then.
SELECT id, name, description, state, queue, priority, '{}' AS input, NULL AS output, created_at, run_at, started_at,
    finished_at, attempt, lost_attempts, max_lost_attempts, pid, runner, progress, error, cancel_requested, token, headers,
    owner, progress_note, NULL AS checkpoint
FROM task_details WHERE id IN (SELECT value FROM json_each(?))
