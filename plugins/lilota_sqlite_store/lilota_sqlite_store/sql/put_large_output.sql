INSERT OR REPLACE INTO large_outputs (id, text) VALUES (?, ?)
