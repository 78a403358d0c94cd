"""The settings of the project in which Django's own tests run: two SQLite files, in a folder that a variable names."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ["LILOTA_TEST_SUITE_FOLDER"])

SECRET_KEY = "only for tests"
USE_TZ = True
DATABASES = {
    # "immediate" has a runner; what is in "default" waits for one.
    alias: {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / f"{alias}.sqlite3",
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL", "transaction_mode": "IMMEDIATE", "timeout": 30},
    }
    for alias in ("default", "immediate")
}
INSTALLED_APPS = ["lilota_django", "tasks"]
# Of the workers; each test says what it needs.
TASKS = {
    "default": {"BACKEND": "suite_backends.DummyBackend", "QUEUES": []},
    "immediate": {"BACKEND": "suite_backends.ImmediateBackend", "QUEUES": []},
}
