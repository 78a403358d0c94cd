"""What may be a task, and what a task takes and gives."""
