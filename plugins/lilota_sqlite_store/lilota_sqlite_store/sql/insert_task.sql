INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
