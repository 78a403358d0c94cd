SELECT expires_at FROM runners WHERE id = ?
