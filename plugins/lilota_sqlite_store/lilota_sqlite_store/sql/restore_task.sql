INSERT INTO tasks (
    id, lane, state, priority, run_at, created_at, started_at, finished_at, attempt, token, lost_attempts,
    max_lost_attempts, pid, progress, cancel_requested, log_count, runner, error, description, input, output, headers,
    owner, progress_note, has_checkpoint
)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
