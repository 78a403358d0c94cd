INSERT OR REPLACE INTO runners (id, host, pid, lease_seconds, expires_at) VALUES (?, ?, ?, ?, ?)
