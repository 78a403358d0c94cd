"""A runner's threads: one start of it, from the lease to the last outcome."""
