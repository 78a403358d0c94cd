"""The clock that decides when a task is due and when a lease ends: that of the database, in microseconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from django.db.models import Func

from lilota_django.orm.records import BIG

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

#: Not now(): that is the instant at which a transaction began, and an application's may last.
_POSTGRESQL: Final = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
#: UTC has no hour that comes twice.
_MYSQL: Final = "timestampdiff(MICROSECOND, '1970-01-01', utc_timestamp(6))"


SQLAndParameters = tuple[str, tuple[str | int, ...]]


class Clock(Func):
    """The present, to be asked for along with something else."""

    output_field = BIG

    def as_postgresql(self, *_: object, **__: object) -> SQLAndParameters:
        """Ask the server."""
        return _POSTGRESQL, ()

    def as_mysql(self, *_: object, **__: object) -> SQLAndParameters:
        """Ask the server."""
        return _MYSQL, ()

    def as_sqlite(self, *_: object, **__: object) -> SQLAndParameters:
        """Take the clock of this machine, which is where the file is."""
        return "%s", (_local_clock(),)


def now(connection: BaseDatabaseWrapper) -> int:
    """Return the present."""
    if connection.vendor == "sqlite":
        return _local_clock()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_POSTGRESQL if connection.vendor == 'postgresql' else _MYSQL}")
        return int(cursor.fetchone()[0])


def _local_clock() -> int:
    return time.time_ns() // 1000
