"""The store over the ORM: imported once Django is set up."""
