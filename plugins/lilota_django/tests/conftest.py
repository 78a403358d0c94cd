"""What the tests share: a Django project whose tables are made once per process, and emptied for each test.

The project's settings are `helpers/site_settings.py`. Its database "default" is a SQLite file; the fixtures `postgres`
and `mariadb` start a server and add its database to the project, for this process and those that it starts.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HELPERS = str(Path(__file__).parent / "helpers")
_FOLDER = tempfile.mkdtemp(prefix="lilota-site-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

sys.path.insert(0, HELPERS)
os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
os.environ["LILOTA_TEST_SITE_SQLITE"] = os.path.join(_FOLDER, "site.sqlite3")
for _server in ("POSTGRES", "MARIADB"):
    os.environ.pop(f"LILOTA_TEST_SITE_{_server}", None)

# How long an example takes says how busy the machine is.
settings.register_profile("lilota", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lilota")

import django  # noqa: E402 - needs the settings above

django.setup()

import site_settings  # noqa: E402 - as above
from django.core.management import call_command  # noqa: E402 - as above
from django.db import connections  # noqa: E402 - as above
from django.test import override_settings  # noqa: E402 - as above
from lilota_django.models import Lane, LaneCount, LogLine, Note, Runner, Task, Turn  # noqa: E402 - as above
from lilota_django.store import DjangoTaskStore  # noqa: E402 - as above
from lilota_test_servers import MariaDBServer, available_or_skip  # noqa: E402 - as above
from lilota_test_servers.elsewhere import MariaDBElsewhere  # noqa: E402 - as above
from shop_sites import ALIAS, BACKEND, ShopSite, migrated, shop_database  # noqa: E402 - as above

Stores = Callable[[str], DjangoTaskStore]


@pytest.fixture(scope="session")
def sqlite() -> Iterator[str]:
    """The alias of a migrated SQLite file."""
    call_command("migrate", database="default", verbosity=0)
    yield "default"
    connections["default"].close()


@pytest.fixture(scope="session")
def postgres(postgres_server) -> Iterator[str]:
    """The alias of a migrated PostgreSQL database."""
    yield from _added("pg", site_settings.POSTGRES_VARIABLE, postgres_server.create_database())


@pytest.fixture(scope="session")
def postgres_binding(postgres) -> Iterator[str]:
    """An alias of that database by which the server binds the parameters of statements, and so asks for their types."""
    connections.databases["pg_binding"] = connections.configure_settings(site_settings.databases())["pg_binding"]
    yield "pg_binding"
    connections["pg_binding"].close()


@pytest.fixture(scope="session")
def mariadb() -> Iterator[str]:
    """The alias of a migrated MariaDB database; with room for the longest inputs and outputs."""
    elsewhere = os.environ.get("LILOTA_TEST_MARIADB_URL")
    if elsewhere:
        yield from _added("maria", site_settings.MARIADB_VARIABLE, MariaDBElsewhere(elsewhere).create_database())
        return
    server = available_or_skip(lambda: MariaDBServer({"max-allowed-packet": "128M"}))
    yield from _added("maria", site_settings.MARIADB_VARIABLE, server.create_database())
    server.close()


def _added(alias: str, variable: str, url: str) -> Iterator[str]:
    """Add a database to the project of this process, and by its environment to those that it starts."""
    os.environ[variable] = url
    connections.databases[alias] = connections.configure_settings(site_settings.databases())[alias]
    call_command("migrate", database=alias, verbosity=0)
    yield alias
    connections[alias].close()
    del os.environ[variable]


@pytest.fixture
def pooled(postgres: str) -> Iterator[str]:
    """An alias of that database in a project that has Django's own pool, of two connections."""
    pool = {"min_size": 1, "max_size": 2, "timeout": 60}
    described = connections.databases[postgres]
    connections.databases["pooled"] = {**described, "OPTIONS": {**described["OPTIONS"], "pool": pool}}
    yield "pooled"
    connections["pooled"].close()
    connections["pooled"].close_pool()
    del connections["pooled"], connections.databases["pooled"]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[str]:
    """The alias of a second SQLite file, without any table."""
    databases = {"default": connections.databases["default"], "other": {"ENGINE": "django.db.backends.sqlite3"}}
    configured = connections.configure_settings(databases)["other"]
    connections.databases["other"] = {**configured, "NAME": str(tmp_path / "other.sqlite3")}
    yield "other"
    connections["other"].close()
    del connections["other"]
    del connections.databases["other"]


@pytest.fixture
def open_store() -> Iterator[Stores]:
    """Open a store on an alias, empty; closed after the test."""
    opened: list[DjangoTaskStore] = []

    def open_empty(alias: str) -> DjangoTaskStore:
        for model in (Note, LogLine, Task, LaneCount, Lane, Runner, Turn):
            model.objects.using(alias).all().delete()
        store = DjangoTaskStore(alias)
        store.open()
        opened.append(store)
        return store

    yield open_empty
    for store in opened:
        store.close()


@pytest.fixture(params=["sqlite", "postgres", "mariadb"])
def everywhere(request: pytest.FixtureRequest, open_store: Stores) -> DjangoTaskStore:
    """An empty store in each of the databases, one after the other."""
    return open_store(request.getfixturevalue(request.param))


@pytest.fixture
def store(open_store: Stores, sqlite: str) -> DjangoTaskStore:
    """An empty store in the SQLite file."""
    return open_store(sqlite)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the shop with all tables."""
    return migrated(tmp_path_factory.mktemp("template"))


@pytest.fixture
def site(template: Path, tmp_path: Path) -> Iterator[ShopSite]:
    """The shop with its tables; this process enqueues in its database."""
    made = ShopSite(tmp_path)
    shutil.copy(template, made.database)
    classes = {"count_users": "shop.classes:CountUsers"}
    with (
        shop_database(made.database),
        override_settings(TASKS={"default": BACKEND}, LILOTA={"STORE": f"django://{ALIAS}", "TASKS": classes}),
    ):
        yield made
