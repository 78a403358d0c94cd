"""Django before version 6 has `django.tasks` in a package of its own, which changes, and may not be there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import django
import pytest
from django.core.exceptions import ImproperlyConfigured

pytestmark = pytest.mark.skipif(django.VERSION >= (6, 0), reason="Django has its own django.tasks")

HELPERS = Path(__file__).parent / "helpers"
# Nothing else is found differently, and nothing is imported that is not there.
WITHOUT_DJANGO_TASKS = """
import sys
from importlib.machinery import PathFinder

class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] == "django_tasks" else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Without if finder is PathFinder else finder for finder in sys.meta_path]
"""
SET_UP = """
import django
django.setup()
"""
NEXT_RELEASE = """
from django_tasks import exceptions
if hasattr(exceptions, "InvalidTaskError"):
    exceptions.InvalidTask = exceptions.InvalidTaskError
    del exceptions.InvalidTaskError
from lilota_django.django_tasks import backend, compat
print(compat.InvalidTask is exceptions.InvalidTask)
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], cwd=HELPERS, capture_output=True, text=True, check=False, timeout=200
    )


def test_a_project_without_django_tasks_is_told_what_to_install(sqlite):
    """One sentence, when the project is loaded: no worker could run without it."""
    ended = run(WITHOUT_DJANGO_TASKS + SET_UP)

    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith(f"{ImproperlyConfigured.__module__}.{ImproperlyConfigured.__name__}: lilota_django needs")
    assert "pip install 'django-tasks>=0.12'" in last


def test_the_names_of_the_release_after_0_12_will_do(sqlite):
    """Its exceptions are called as they are in Django."""
    ended = run(SET_UP + NEXT_RELEASE)

    assert ended.stdout.splitlines()[-1:] == ["True"], ended.stderr
