"""The settings of the shop: one SQLite file beside manage.py."""

from __future__ import annotations

from pathlib import Path

import django

SECRET_KEY = "only for tests"
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(__file__).parent.parent / "shop.sqlite3",
        "OPTIONS": {"timeout": 30, "init_command": "PRAGMA journal_mode=WAL"},
    }
}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "lilota_django",
    "shop",
    *(["django_tasks"] if django.VERSION < (6, 0) else []),
]
TASKS = {"default": {"BACKEND": "lilota_django.LilotaBackend", "QUEUES": ["default", "mails"]}}
LILOTA = {"TASKS": {"count_users": "shop.classes:CountUsers"}}
