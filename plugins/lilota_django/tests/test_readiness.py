"""What is missing in a project is said in one sentence, with the remedy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError, SystemCheckError
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from lilota_django.readiness import own_migrations
from lilota_django.store import DjangoTaskStore

from lilota.errors import ConfigurationError, StoreUnavailableError, StoreVersionError

SETTINGS = """
SECRET_KEY = "only for tests"
INSTALLED_APPS = [{apps}]
DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}}}}
"""
APP = '"lilota_django"'
OPEN = "from lilota_django.store import DjangoTaskStore; DjangoTaskStore({alias!r}).open()"


def error_of(folder: Path, program: str = OPEN.format(alias="default"), **environment: str) -> str:
    """Run a program in a project of its own, and return the last line that it printed: the error."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return answer.stderr.strip().splitlines()[-1] if answer.returncode else ""


@pytest.fixture
def project(tmp_path):
    """Write a project with these apps."""

    def write(apps: str) -> Path:
        (tmp_path / "settings.py").write_text(SETTINGS.format(apps=apps))
        return tmp_path

    return write


def test_without_settings(tmp_path):
    """Outside any project."""
    error = error_of(tmp_path)

    assert error.startswith("lilota.errors.ConfigurationError: A Django store needs a Django project")
    assert "DJANGO_SETTINGS_MODULE" in error


def test_with_settings_that_can_not_be_imported(tmp_path):
    """A wrong name, or a wrong folder."""
    error = error_of(tmp_path, DJANGO_SETTINGS_MODULE="nowhere.settings")

    assert "ConfigurationError: The Django project can't be loaded: No module named 'nowhere'" in error
    assert "PYTHONPATH" in error


def test_without_the_app(project):
    """A project that does not have it in INSTALLED_APPS."""
    error = error_of(project(""), DJANGO_SETTINGS_MODULE="settings")

    assert "'lilota_django' is not installed in this Django project. Add it to INSTALLED_APPS" in error


def test_without_migrations(project):
    """A project whose database does not have the tables yet."""
    error = error_of(project(APP), DJANGO_SETTINGS_MODULE="settings")

    assert f"The database 'default' lacks the migration {own_migrations()[0]} of lilota." in error
    assert error.endswith("Run: python manage.py migrate")


def test_a_project_that_nobody_has_set_up_is_set_up(project):
    """The command line of lilota runs outside manage.py."""
    program = (
        f"import django; django.setup(); from django.core.management import call_command as c; c('migrate'); {OPEN}"
    )
    folder = project(APP)
    assert error_of(folder, program.format(alias="default"), DJANGO_SETTINGS_MODULE="settings") == ""

    assert error_of(folder, DJANGO_SETTINGS_MODULE="settings") == ""


def test_used_while_django_is_loading(project):
    """At the top of a module of models, a store can be made, but not asked."""
    folder = project(f'{APP}, "early"')
    (folder / "early").mkdir()
    (folder / "early" / "__init__.py").touch()
    (folder / "early" / "models.py").write_text(OPEN.format(alias="default"))

    error = error_of(folder, "import django; django.setup()", DJANGO_SETTINGS_MODULE="settings")

    assert "ConfigurationError: A Django store was used while Django is still loading its apps" in error


def test_unknown_alias(sqlite):
    """The aliases that exist are listed."""
    with pytest.raises(ConfigurationError, match=r"has no alias 'defautl', only: 'default'"):
        DjangoTaskStore("defautl").open()


def test_a_project_without_a_database(project):
    """Django gives such projects a database that can do nothing."""
    folder = project(APP)
    (folder / "bare.py").write_text("from settings import *\nDATABASES = {}\n")

    error = error_of(folder, DJANGO_SETTINGS_MODULE="bare")

    assert "has the ENGINE 'django.db.backends.dummy', where lilota does not run. Use one of: SQLite," in error


def test_a_database_that_never_commits(sqlite, monkeypatch):
    """What a worker writes would be lost, and it would wait for ever without a word."""
    monkeypatch.setitem(connections[sqlite].settings_dict, "AUTOCOMMIT", False)
    told = re.escape("DATABASES['default'] has 'AUTOCOMMIT': False, so nothing that a worker writes")

    with pytest.raises(ConfigurationError, match=told):
        DjangoTaskStore(sqlite).open()
    with pytest.raises(SystemCheckError, match=told):
        call_command("check")
    with pytest.raises(CommandError, match=told):
        call_command("lilota_worker")


def test_a_database_in_memory_is_not_said_to_need_a_migration(project):
    """It would be gone with the command that migrates it."""
    folder = project(APP)
    (folder / "fleeting.py").write_text("from settings import *\nDATABASES['default']['NAME'] = ':memory:'\n")

    error = error_of(folder, DJANGO_SETTINGS_MODULE="fleeting")

    assert "The database 'default' is in the memory of this process" in error
    assert error.endswith("Name a file as NAME of DATABASES['default'].")


def test_a_file_of_another_kind(project):
    """A wrong path may lead to anything."""
    folder = project(APP)
    (folder / "site.sqlite3").write_text("Dear database, " * 100)

    error = error_of(folder, DJANGO_SETTINGS_MODULE="settings")

    assert "NAME of DATABASES['default'] is a file of another kind" in error


def test_settings_that_django_refuses(project):
    """What Django says of them, and where they are."""
    folder = project(APP)
    (folder / "broken.py").write_text("from settings import *\nDATABASES['default']['ENGINE'] = 'nosuch.engine'\n")

    error = error_of(folder, DJANGO_SETTINGS_MODULE="broken")

    assert "ConfigurationError: The settings of the Django project can't be used: 'nosuch.engine' isn't" in error
    assert error.endswith("Correct them in broken.")


def test_missing_migrations_of_another_database_name_it(other):
    """`migrate` works on the default database unless told otherwise."""
    with pytest.raises(ConfigurationError, match=r"Run: python manage.py migrate --database other$"):
        DjangoTaskStore(other).open()


class Elsewhere:
    """A router that keeps lilota's tables in another database."""

    def allow_migrate(self, db, app_label, **_):
        return app_label != "lilota"


def test_tables_that_a_router_keeps_elsewhere(other):
    """Django notes migrations as applied that it did not apply."""
    with override_settings(DATABASE_ROUTERS=[Elsewhere()]):
        call_command("migrate", database=other, verbosity=0)

    with pytest.raises(ConfigurationError, match=r"The database 'other' has no tables of lilota.*DATABASE_ROUTERS"):
        DjangoTaskStore(other).open()


def test_a_store_works_once_the_migrations_are_there(other):
    """A handle that failed once looks again."""
    store = DjangoTaskStore(other)
    with pytest.raises(ConfigurationError):
        store.counts()

    call_command("migrate", database=other, verbosity=0)

    assert store.counts() == []


def test_tests_of_a_project_may_do_without_migrations(other):
    """Then Django makes the tables of the models, and notes no migration."""
    with override_settings(MIGRATION_MODULES={"lilota": None}):
        with pytest.raises(ConfigurationError, match="The database 'other' has no tables of lilota"):
            DjangoTaskStore(other).open()
        call_command("migrate", "lilota", database=other, run_syncdb=True, verbosity=0)

        assert DjangoTaskStore(other).counts() == []


def test_migrations_of_a_newer_version_are_worked_with(other):
    """Old and new runners live side by side on one database."""
    call_command("migrate", database=other, verbosity=0)
    MigrationRecorder(connections[other]).record_applied("lilota", "0099_newer")

    assert DjangoTaskStore(other).counts() == []


def test_incompatible_migrations_of_a_newer_version_are_refused(other):
    """Where a newer version says that this one must not touch its tables."""
    call_command("migrate", database=other, verbosity=0)
    MigrationRecorder(connections[other]).record_applied("lilota", "0099_incompatible_lanes")

    with pytest.raises(StoreVersionError, match=r"0099_incompatible_lanes.*Upgrade lilota-django"):
        DjangoTaskStore(other).counts()


def test_a_database_that_can_not_be_opened(other, tmp_path):
    """It may be there later: the runner waits for it."""
    connections.databases["other"]["NAME"] = str(tmp_path / "nowhere" / "site.sqlite3")

    with pytest.raises(StoreUnavailableError, match=r"The Django database 'other' can't be used just now"):
        DjangoTaskStore(other).open()
