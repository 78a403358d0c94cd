"""Servers that somebody else runs, named by LILOTA_TEST_... variables: the same tests, on them."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from lilota_test_servers.mariadb import create_mariadb_database, mariadb_options
from lilota_test_servers.postgres import create_database


class PostgresElsewhere:
    """A PostgreSQL server that runs already; the user of its URL may create databases."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, database: str | None = None) -> str:
        """Return the URL of a database, or of the one that was named."""
        return self._url if database is None else _with_path(self._url, database)

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        return self.url(create_database(self._url))


class RedisElsewhere:
    """A Redis or Valkey server that runs already."""

    def __init__(self, url: str) -> None:
        self._url = url

    def url(self, db: int | None = None) -> str:
        """Return the URL of a database, or of the one that was named."""
        return self._url if db is None else _with_path(self._url, str(db))


class MariaDBElsewhere:
    """A MariaDB or MySQL server that runs already; the user of its URL may create databases."""

    def __init__(self, url: str) -> None:
        self._url = url

    def options(self, database: str | None = None) -> dict[str, str | int]:
        """Return the arguments of a driver's `connect`."""
        return mariadb_options(self._url if database is None else _with_path(self._url, database))

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        return _with_path(self._url, create_mariadb_database(self.options()))


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))
