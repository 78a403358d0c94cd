INSERT INTO large_headers (id, text) VALUES (?, ?)
