SELECT text FROM large_headers WHERE id = ?
