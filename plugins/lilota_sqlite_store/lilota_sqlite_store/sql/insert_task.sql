INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
