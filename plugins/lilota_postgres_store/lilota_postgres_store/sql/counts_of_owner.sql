SELECT lane.queue, lane.name, owned.state, owned.n
FROM (SELECT lane, state, count(*) AS n FROM {tasks} WHERE owner = %(owner)s GROUP BY lane, state) AS owned
JOIN {lanes} AS lane ON lane.id = owned.lane
