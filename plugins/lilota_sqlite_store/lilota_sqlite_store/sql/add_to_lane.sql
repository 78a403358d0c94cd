-- Count new tasks in a lane, which may be new: queue, name, and how many are in each of the states, in their order.
INSERT INTO lanes (queue, name, waiting, scheduled, ready, running, succeeded, failed, cancelled)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (queue, name) DO UPDATE
SET waiting = waiting + excluded.waiting, scheduled = scheduled + excluded.scheduled, ready = ready + excluded.ready,
    running = running + excluded.running, succeeded = succeeded + excluded.succeeded,
    failed = failed + excluded.failed, cancelled = cancelled + excluded.cancelled
RETURNING id
