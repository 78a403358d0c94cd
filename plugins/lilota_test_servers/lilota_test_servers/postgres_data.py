"""Fill the data folder of a PostgreSQL: with an empty cluster, or with a copy of another server's; and its settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lilota_test_servers.home import Home

_LET_EVERYBODY_IN = ("local all all trust", "host all all all trust", "local replication all trust")


def make_cluster(home: Home, programs: Path) -> None:
    """Make a cluster with the superuser `postgres` and the database `postgres`."""
    home.run(
        [
            str(programs / "initdb"),
            f"--pgdata={home.data}",
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]
    )


def copy_cluster(home: Home, programs: Path, url: str) -> None:
    """Copy all that a running server has, as what follows it from then on."""
    home.run(
        [
            str(programs / "pg_basebackup"),
            f"--pgdata={home.data}",
            f"--dbname={url}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--no-sync",
        ]
    )


def write_settings(home: Home, settings: Mapping[str, str], hba: Sequence[str]) -> None:
    """Write postgresql.conf and pg_hba.conf, whose lines of others come before those that let everybody in."""
    with (home.data / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = {_quoted(value)}\n" for name, value in settings.items())
    (home.data / "pg_hba.conf").write_text("".join(f"{line}\n" for line in (*hba, *_LET_EVERYBODY_IN)))


def _quoted(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
