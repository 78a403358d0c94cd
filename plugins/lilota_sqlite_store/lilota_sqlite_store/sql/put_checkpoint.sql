INSERT OR REPLACE INTO checkpoints (id, text) VALUES (?, ?)
