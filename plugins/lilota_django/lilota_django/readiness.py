"""Make sure that there is a Django project with lilota's tables, and say in one sentence what is missing."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Collection
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import django
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from lilota.errors import ConfigurationError, StoreVersionError
from lilota_django.orm.surroundings import is_in_memory

#: In the name of a migration that older versions of lilota can't work with.
INCOMPATIBLE: Final = "_incompatible_"
SUPPORTED: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MariaDB or MySQL"}

_SETTINGS_VARIABLE: Final = "DJANGO_SETTINGS_MODULE"


def require_site(alias: str) -> None:
    """Set Django up if nobody has, and look for the app and the alias.

    Raises:
        ConfigurationError: something is missing; the message says what, and what to do.
    """
    set_up("A Django store")
    if not apps.is_installed("lilota_django"):
        raise ConfigurationError(
            "The app 'lilota_django' is not installed in this Django project. "
            "Add it to INSTALLED_APPS, then run: python manage.py migrate"
        )
    if alias not in connections:
        known = ", ".join(f"'{name}'" for name in sorted(connections))
        raise ConfigurationError(f"DATABASES in the settings of the project has no alias '{alias}', only: {known}.")
    database = connections[alias]
    if database.vendor not in SUPPORTED:
        raise ConfigurationError(
            f"The database '{alias}' has the ENGINE '{database.settings_dict['ENGINE']}', where lilota does not run. "
            f"Use one of: {', '.join(SUPPORTED.values())}."
        )
    if not database.settings_dict["AUTOCOMMIT"]:
        raise ConfigurationError(
            f"DATABASES['{alias}'] has 'AUTOCOMMIT': False, so nothing that a worker writes would ever be committed. "
            "Leave it out. Code that wants to commit by itself calls transaction.set_autocommit(False)."
        )


def set_up(what: str) -> None:
    """Set Django up if nobody has.

    Args:
        what: who needs it, for people.

    Raises:
        ConfigurationError: there is no project, or it can't be loaded.
    """
    if apps.ready:
        return
    if not settings.configured and not os.environ.get(_SETTINGS_VARIABLE):
        raise ConfigurationError(
            f"{what} needs a Django project: set the environment variable {_SETTINGS_VARIABLE} to its settings "
            "('mysite.settings'), or start your program through manage.py."
        )
    make_settings_importable()
    try:
        django.setup()
    except ImportError as error:
        raise ConfigurationError(
            f"The Django project can't be loaded: {error}. {_SETTINGS_VARIABLE} is "
            f"'{os.environ.get(_SETTINGS_VARIABLE)}'; is the folder of the project on the import path (PYTHONPATH)?"
        ) from error
    except ImproperlyConfigured as error:
        raise ConfigurationError(
            f"The settings of the Django project can't be used: {' '.join(str(error).split())} "
            f"Correct them in {os.environ.get(_SETTINGS_VARIABLE)}."
        ) from error
    except RuntimeError as error:
        # "populate() isn't reentrant": called from a module that Django is just importing.
        raise ConfigurationError(
            f"{what} was used while Django is still loading its apps. Make the store or the client there, "
            "and use it later."
        ) from error


def make_settings_importable() -> None:
    """Let the settings be found in the working folder, where `manage.py` is, if they are nowhere else.

    A command that was installed has the folder of its script on the import path instead. The working folder goes last:
    nothing in it takes the place of something that is installed.
    """
    package = os.environ.get(_SETTINGS_VARIABLE, "").partition(".")[0]
    if package and not settings.configured and find_spec(package) is None and _is_in_working_folder(package):
        sys.path.append(str(Path.cwd()))


def _is_in_working_folder(package: str) -> bool:
    return PathFinder.find_spec(package, [str(Path.cwd())]) is not None


def require_tables(alias: str) -> None:
    """Compare the migrations that were applied to the database with those of this version.

    Raises:
        ConfigurationError: some have not been applied, or only seem so.
        StoreVersionError: a newer lilota has changed the tables so that this version must not touch them.
    """
    if not _has_migrations():
        _require_first_table(alias)
        return
    known = own_migrations()
    applied = {name for app, name in MigrationRecorder(connections[alias]).applied_migrations() if app == "lilota"}
    missing = [name for name in known if name not in applied]
    if missing:
        _require_lasting_database(alias)
        option = "" if alias == "default" else f" --database {alias}"
        raise ConfigurationError(
            f"The database '{alias}' lacks the migration {missing[0]} of lilota. Run: python manage.py migrate{option}"
        )
    _require_first_table(alias)
    _refuse_newer(applied.difference(known), alias)


def require_known_version(alias: str) -> None:
    """Make sure, by one query, that this version may use the tables as they are now.

    Raises:
        StoreVersionError: a newer lilota has changed them meanwhile so that this version must not touch them.
    """
    if _has_migrations():
        recorded = MigrationRecorder(connections[alias]).migration_qs.filter(app="lilota", name__contains=INCOMPATIBLE)
        _refuse_newer(set(recorded.values_list("name", flat=True)).difference(own_migrations()), alias)


def _refuse_newer(unknown: Collection[str], alias: str) -> None:
    incompatible = sorted(name for name in unknown if INCOMPATIBLE in name)
    if incompatible:
        raise StoreVersionError(
            f"A newer lilota has applied the migration {incompatible[-1]} to the database '{alias}', which this "
            "version does not know. Upgrade lilota-django."
        )


def _has_migrations() -> bool:
    """Tell whether Django notes what it migrates. Tests of a project may do without: it makes what the models say."""
    return MigrationLoader.migrations_module("lilota")[0] is not None


def _require_lasting_database(alias: str) -> None:
    """Make sure that a migration would reach this process: one of a database in memory is gone with its command."""
    if is_in_memory(connections[alias]):
        raise ConfigurationError(
            f"The database '{alias}' is in the memory of this process, so no other one can share it or migrate it. "
            f"Name a file as NAME of DATABASES['{alias}']."
        )


def _require_first_table(alias: str) -> None:
    """Make sure that the tables are there: Django notes a migration that a router forbids as applied."""
    from lilota_django.models import Task  # noqa: PLC0415 - needs Django to be set up

    if Task._meta.db_table not in connections[alias].introspection.table_names():  # noqa: SLF001 - documented
        raise ConfigurationError(
            f"The database '{alias}' has no tables of lilota, though its migrations are noted as applied: a router of "
            "DATABASE_ROUTERS keeps them elsewhere. Name that database in LILOTA['STORE'], as 'django://ALIAS'."
        )


def own_migrations() -> list[str]:
    """Return the names of the migrations that this version brings, in order."""
    from lilota_django import migrations  # noqa: PLC0415 - the package has a lazy attribute of the same kind

    return sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))
