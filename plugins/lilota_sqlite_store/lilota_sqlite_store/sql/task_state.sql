SELECT lane, state, attempt, log_count, headers FROM tasks WHERE id = ?
