SELECT 1 FROM {runners} WHERE expires_at <= clock_timestamp() LIMIT 1
