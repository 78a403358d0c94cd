SELECT id FROM tasks WHERE lane = ?1 AND state = ?2 AND id < ?3 ORDER BY id DESC
