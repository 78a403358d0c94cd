"""Django's own tasks, `django.tasks`, run by lilota."""
