"""The commands that lilota itself brings, a file for each or for a few that belong together."""
