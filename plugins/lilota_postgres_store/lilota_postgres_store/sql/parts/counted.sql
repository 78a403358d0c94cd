-- Count what `written` took from the running tasks.
moved AS (
    SELECT lane, state, count(*) AS n FROM written WHERE state <> 3 GROUP BY lane, state
), counted AS (
    INSERT INTO {lane_counts} (lane, state, n)
    SELECT lane, state, n FROM moved UNION ALL SELECT lane, 3, -sum(n) FROM moved GROUP BY lane
)
