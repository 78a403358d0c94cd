"""A Django project as people have them, under ASGI: sessions, logins and the pages of tasks, in one PostgreSQL.

Its database is the one that `LILOTA_TEST_DJANGO_DATABASE` is the URL of.
"""

from __future__ import annotations

import os

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

#: How the connections of this project are called.
NAME = "django_project"
#: More than a socket holds for somebody who does not read.
FILE_BYTES = 5_000_000

_database = conninfo_to_dict(os.environ["LILOTA_TEST_DJANGO_DATABASE"])

settings.configure(
    SECRET_KEY="a key that only the tests know",
    ALLOWED_HOSTS=["site.example"],
    ROOT_URLCONF="django_project",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "lilota_django"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _database["dbname"],
            "USER": _database.get("user", ""),
            "PASSWORD": _database.get("password", ""),
            "HOST": _database.get("host", ""),
            "PORT": str(_database.get("port", "")),
            "OPTIONS": {"application_name": NAME},
            "ATOMIC_REQUESTS": True,
        }
    },
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()

from attempts import ref_with_file  # noqa: E402 - Django has to be set up first
from django.contrib.auth.models import User  # noqa: E402 - as above
from django.core.asgi import get_asgi_application  # noqa: E402 - as above
from django.core.management import call_command  # noqa: E402 - as above
from django.urls import include, path  # noqa: E402 - as above
from lilota_django import get_client  # noqa: E402 - as above
from lilota_status.django import status_urls  # noqa: E402 - as above
from lilota_status.limits import Limits  # noqa: E402 - as above

from lilota import TaskClient  # noqa: E402 - as above


def allow(request, _task, _action):
    """Ask the database, as those do that know their users."""
    return request.user.is_anonymous and not User.objects.filter(username="nobody").exists()


urlpatterns = [
    path("my/tasks/", include(status_urls(get_client, allow=allow, limits=Limits(streams_per_client=1_000)))),
]
application = get_asgi_application()


def new_refs() -> str:
    """Make the tables, and return references of two new tasks: of one that has a file, and of one that waits."""
    call_command("migrate", verbosity=0)
    client = TaskClient(get_client().store, accept_unknown_names=True, ref_keys=[settings.SECRET_KEY])
    return f"{ref_with_file(client, 'large.bin', b'x' * FILE_BYTES)} {client.add('task').ref}"
