"""The settings of the project in which the tests run: three databases, each where an environment variable says.

More apps: add them to INSTALLED_APPS here. Tests and the processes that they start import this module by
DJANGO_SETTINGS_MODULE; `conftest.py` sets that, and the variables below as soon as a server runs.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

# The file of "default", and the URLs of "pg" and "maria" (postgresql://..., mysql://...).
SQLITE_VARIABLE = "LILOTA_TEST_SITE_SQLITE"
POSTGRES_VARIABLE = "LILOTA_TEST_SITE_POSTGRES"
MARIADB_VARIABLE = "LILOTA_TEST_SITE_MARIADB"
# A folder for the storage "files"; a bucket and the address of its server, for the storage "bucket".
FILES_VARIABLE = "LILOTA_TEST_SITE_FILES"
BUCKET_VARIABLE = "LILOTA_TEST_SITE_BUCKET"


def databases() -> dict[str, dict[str, Any]]:
    """Return DATABASES as the environment describes it now."""
    described = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ.get(SQLITE_VARIABLE, ":memory:"),
            "OPTIONS": {"timeout": 30, "init_command": "PRAGMA journal_mode=WAL"},
        }
    }
    if POSTGRES_VARIABLE in os.environ:
        described["pg"] = pg = _postgres(os.environ[POSTGRES_VARIABLE])
        described["pg_binding"] = {**pg, "OPTIONS": {**pg["OPTIONS"], "server_side_binding": True}}
    if MARIADB_VARIABLE in os.environ:
        described["maria"] = _mariadb(os.environ[MARIADB_VARIABLE])
    return described


def _postgres(url: str) -> dict[str, Any]:
    parts, options = _taken_apart(url)
    host = options.pop("host", parts["HOST"])
    return {"ENGINE": "django.db.backends.postgresql", **parts, "HOST": host, "OPTIONS": options}


def _mariadb(url: str) -> dict[str, Any]:
    import pymysql

    # Django asks for a newer mysqlclient than the version that pymysql pretends to be.
    pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
    parts, options = _taken_apart(url)
    return {"ENGINE": "django.db.backends.mysql", **parts, "OPTIONS": options}


def _taken_apart(url: str) -> tuple[dict[str, Any], dict[str, str]]:
    parts = urlsplit(url)
    options = {name: values[0] for name, values in parse_qs(parts.query).items()}
    described = {
        "NAME": unquote(parts.path.removeprefix("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
    }
    return described, options


def storages() -> dict[str, dict[str, Any]]:
    """Return STORAGES as the environment describes it now."""
    folder = "django.core.files.storage.FileSystemStorage"
    described: dict[str, dict[str, Any]] = {"default": {"BACKEND": folder}, "staticfiles": {"BACKEND": folder}}
    if FILES_VARIABLE in os.environ:
        described["files"] = {"BACKEND": folder, "OPTIONS": {"location": os.environ[FILES_VARIABLE]}}
    if BUCKET_VARIABLE in os.environ:
        bucket, address = os.environ[BUCKET_VARIABLE].split(" ")
        options = {"bucket_name": bucket, "endpoint_url": address}
        described["bucket"] = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    return described


SECRET_KEY = "only for tests"
USE_TZ = True
TIME_ZONE = "Europe/Berlin"
DATABASES = databases()
STORAGES = storages()
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "lilota_django",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
