-- Count new tasks in a lane, which may be new: queue, name, scheduled, ready.
INSERT INTO lanes (queue, name, scheduled, ready) VALUES (?, ?, ?, ?)
ON CONFLICT (queue, name) DO UPDATE SET scheduled = scheduled + excluded.scheduled, ready = ready + excluded.ready
RETURNING id
