-- Make an ended task pending as if it were new: the instant, its id. Its token goes on, so that old claims stay old.
UPDATE tasks
SET state = 2, run_at = ?, started_at = NULL, finished_at = NULL, attempt = 0, lost_attempts = 0, pid = 0,
    progress = 0, progress_note = NULL, cancel_requested = 0, log_count = log_count + 1, runner = NULL, error = NULL
WHERE id = ?
