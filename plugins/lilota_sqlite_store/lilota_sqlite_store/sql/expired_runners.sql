SELECT id, host, pid FROM runners WHERE expires_at <= ?
