INSERT INTO large_inputs (id, text) VALUES (?1, ?2)
