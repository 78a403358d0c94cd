-- A page of the tasks of an owner, which are in no bundle (find). Where a page begins and where the tasks of the owner end
-- is said without "owner =", which would let the planner read all tasks by their ids instead.
WITH page AS (
    SELECT task.id, NULL::bigint AS bundle
    FROM {tasks} AS task JOIN {lanes} AS lane ON lane.id = task.lane
    WHERE (task.owner, task.id) {beyond} (%(owner)s, %(start)s::bigint) AND task.owner {within} %(owner)s
        AND task.state + 0 = ANY (%(states)s::smallint[])
        AND (%(names)s::text[] IS NULL OR lane.name = ANY (%(names)s::text[]))
        AND (%(queues)s::text[] IS NULL OR lane.queue = ANY (%(queues)s::text[]))
    ORDER BY task.owner {order}, task.id {order} LIMIT %(limit)s::bigint
)
{details}
