-- One row for whoever's turn it is. A clock that was set back must not make all wait until it has caught up.
INSERT INTO {turns} AS last (chore, taken_at) VALUES (%(chore)s, clock_timestamp())
ON CONFLICT (chore) DO UPDATE SET taken_at = clock_timestamp()
WHERE last.taken_at <= clock_timestamp() - make_interval(secs => %(every)s::double precision)
    OR last.taken_at > clock_timestamp()
RETURNING 1
