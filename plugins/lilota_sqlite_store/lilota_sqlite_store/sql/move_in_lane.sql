-- Change the counters of a lane by the given amounts, in the order of the states; the lane's id comes last.
UPDATE lanes
SET waiting = waiting + ?, scheduled = scheduled + ?, ready = ready + ?, running = running + ?,
    succeeded = succeeded + ?, failed = failed + ?, cancelled = cancelled + ?
WHERE id = ?
