-- Count the tasks themselves, of each lane and state: one pass over the index tasks_by_lane.
SELECT lane, state, count(*) FROM tasks GROUP BY lane, state
