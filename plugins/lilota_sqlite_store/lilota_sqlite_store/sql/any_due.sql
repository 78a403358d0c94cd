SELECT 1 FROM tasks WHERE state = 1 AND run_at <= ? LIMIT 1
