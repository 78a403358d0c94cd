SELECT lane, state, attempt, log_count FROM tasks WHERE id = ?
