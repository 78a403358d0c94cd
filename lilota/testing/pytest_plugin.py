"""The pytest plugin of lilota."""
