"""A shop that does some of its work in tasks."""
