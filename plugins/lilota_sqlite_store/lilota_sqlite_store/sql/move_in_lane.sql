-- Change the counters of a lane by the given amounts, in the order of the states; the lane's id comes last.
UPDATE lanes
SET waiting = waiting + ?1, scheduled = scheduled + ?2, ready = ready + ?3, running = running + ?4,
    succeeded = succeeded + ?5, failed = failed + ?6, cancelled = cancelled + ?7
WHERE id = ?8
