"""A file area of lilota on a storage of the Django project: one of `STORAGES`."""
