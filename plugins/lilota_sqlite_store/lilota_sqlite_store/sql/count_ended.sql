SELECT count(*)
FROM (SELECT 1 FROM tasks WHERE state = ? AND finished_at >= ? AND finished_at < ? LIMIT ?)
