"""The way to the server: addresses, connections, the pool, and what is wrong when there is none."""
