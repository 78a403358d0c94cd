"""Runs the attempts of lilota on the nodes of a Dask cluster, in lilota's own worker processes."""
