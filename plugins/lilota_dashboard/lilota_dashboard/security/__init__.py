"""Who may see the dashboard, and what may reach it: every request passes here before a page looks at it."""
