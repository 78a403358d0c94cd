"""Pages that stay up to date: one look at the store for all who have them open, none while nobody has."""
