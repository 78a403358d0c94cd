"""Task queues that do the same work in the same way: one file for each, behind the interface of `candidate.py`."""
