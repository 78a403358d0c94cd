"""Worker processes: how they are started, and what happens in them."""
