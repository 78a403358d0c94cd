INSERT INTO large_inputs (id, text) VALUES (?, ?)
