"""A dashboard for who runs lilota: one page for what runs, what failed and why, and actions where they are allowed."""
