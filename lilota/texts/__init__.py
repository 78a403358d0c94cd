"""What people read in a terminal: durations and counts in words, texts of others made harmless, log lines."""
