SELECT 1 FROM tasks WHERE state = 1 AND run_at <= ?1 LIMIT 1
