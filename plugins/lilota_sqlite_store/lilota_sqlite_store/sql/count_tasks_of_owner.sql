SELECT lane, state, count(*) FROM tasks WHERE owner = ? GROUP BY lane, state
