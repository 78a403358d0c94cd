SELECT id, lane, state FROM tasks WHERE state = ?1 AND finished_at <= ?2 ORDER BY finished_at LIMIT ?3
