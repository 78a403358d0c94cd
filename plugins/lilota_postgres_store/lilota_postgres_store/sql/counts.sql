SELECT lane.queue, lane.name, counted.state, counted.n
FROM (SELECT lane, state, sum(n)::bigint AS n FROM {lane_counts} GROUP BY lane, state HAVING sum(n) <> 0) AS counted
JOIN {lanes} AS lane ON lane.id = counted.lane
