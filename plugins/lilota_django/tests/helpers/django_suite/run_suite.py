"""Run Django's own tests of `django.tasks` with lilota's backend in the places of Django's; write how each ended.

    run_suite.py SOURCE    the folder of an unpacked source distribution of Django

What is written is one JSON object: the name of each test -> "" if it passed, else the last line of its error.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import unittest
from pathlib import Path

_BACKENDS = ("django.tasks.backends.dummy", "django.tasks.backends.immediate")
#: The other module of tests, `test_custom_backend`, brings backends of its own.
_MODULES = ("tasks.test_tasks", "tasks.test_dummy_backend", "tasks.test_immediate_backend")


class Ends(unittest.TestResult):
    """How each test ended."""

    def __init__(self) -> None:
        super().__init__()
        self.by_name: dict[str, str] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802 - unittest's name
        super().startTest(test)
        self.by_name[test.id().removeprefix("tasks.")] = ""

    def addError(self, test, error) -> None:  # noqa: N802 - unittest's name
        self._add(test, error)

    def addFailure(self, test, error) -> None:  # noqa: N802 - unittest's name
        self._add(test, error)

    def addSubTest(self, test, _subtest, error) -> None:  # noqa: N802 - unittest's name
        if error is not None:
            self._add(test, error)

    def _add(self, test, error) -> None:
        self.by_name[test.id().removeprefix("tasks.")] = f"{error[0].__name__}: {error[1]}".strip().splitlines()[0]


def main(source: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="lilota-django-suite-") as folder:
        copy_tests(source, Path(folder))
        sys.path.insert(0, folder)
        os.environ |= {"DJANGO_SETTINGS_MODULE": "suite_settings", "LILOTA_TEST_SUITE_FOLDER": folder}
        # The tests call what is not async in coroutines: Django's backends in memory may be.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        os.environ["PYTHONPATH"] = os.pathsep.join([folder, str(Path(__file__).parent)])
        sys.stdout.write(json.dumps(run_tests()))


def copy_tests(source: Path, folder: Path) -> None:
    """Copy the tests, with other backends in them."""
    (folder / "tasks").mkdir()
    for path in (source / "tests" / "tasks").glob("*.py"):
        text = path.read_text()
        for backend in _BACKENDS:
            text = text.replace(backend, "suite_backends")
        # Without the app there is no table.
        text = text.replace("available_apps = []", "available_apps = None")
        (folder / "tasks" / path.name).write_text(text)


def run_tests() -> dict[str, str]:
    """Run them in a project with two databases, one of which has a runner."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import SimpleTestCase

    from lilota import TaskRunner

    # Django's own backends need no database, so its tests forbid them.
    SimpleTestCase._add_databases_failures = SimpleTestCase._remove_databases_failures = lambda: None
    for alias in ("default", "immediate"):
        call_command("migrate", database=alias, verbosity=0)
    ends = Ends()
    with TaskRunner("django://immediate", number_of_processes=1):
        unittest.defaultTestLoader.loadTestsFromNames(_MODULES).run(ends)
    return ends.by_name


if __name__ == "__main__":
    main(Path(sys.argv[1]))
