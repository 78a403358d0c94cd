SELECT id FROM runners WHERE expires_at <= ?
