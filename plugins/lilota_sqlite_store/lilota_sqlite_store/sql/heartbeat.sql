INSERT OR REPLACE INTO runners (id, host, pid, lease_seconds, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
