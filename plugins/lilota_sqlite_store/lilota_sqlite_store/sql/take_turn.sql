-- Take the turn at a chore, unless it was taken lately: the chore, now, how long is lately.
-- The distance counts, not the age: a clock that was set back must not stop a chore until it has caught up.
INSERT INTO turns (chore, taken_at) VALUES (?, ?)
ON CONFLICT (chore) DO UPDATE SET taken_at = excluded.taken_at WHERE abs(excluded.taken_at - taken_at) >= ?
RETURNING taken_at
