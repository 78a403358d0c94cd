SELECT id, lane, state FROM tasks WHERE owner = ? AND id < ? ORDER BY id DESC
