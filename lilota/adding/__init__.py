"""Adding tasks, and waiting for their end."""
