-- When a runner started, and its newest heartbeat. A lilota that knows only the first schema leaves them NULL.
ALTER TABLE runners ADD COLUMN started_at REAL;
ALTER TABLE runners ADD COLUMN heartbeat_at REAL;

-- When a runner last took the turn to do a chore that all runners share.
CREATE TABLE turns (
    chore TEXT PRIMARY KEY,
    taken_at REAL NOT NULL
) WITHOUT ROWID;
