-- Headers are '' where there are none: Python binds a text in a tenth of the time that it takes for None.
INSERT INTO tasks (id, lane, state, priority, run_at, created_at, max_lost_attempts, description, input, headers)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''))
