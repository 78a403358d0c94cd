"""Which account a server runs under, and what that account can reach.

PostgreSQL and MariaDB refuse to run as root. Tests in a container often are root, so such a server then runs as
`nobody`, in folders that are given to `nobody`. No account is made and no folder of others is touched.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from lilota_test_servers.errors import ServerUnavailableError

#: The path of a Unix socket has room for 107 bytes; this much is left for the folder's parent.
_PARENT_BYTES_MAX = 50


class Identity(TypedDict):
    """Whose a process is; see `subprocess.Popen`."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user and a group; None means those of this process."""

    user: int | None = None
    group: int | None = None

    @property
    def identity(self) -> Identity:
        """The arguments with which `subprocess` starts a process of this account."""
        return {"user": self.user, "group": self.group, "extra_groups": None if self.user is None else []}

    def make_folder(self, parent: Path, prefix: str) -> Path:
        """Make a new folder that only this account can enter."""
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        self.give(folder)
        return folder

    def give(self, path: Path) -> None:
        """Let this account own a file or a folder of ours."""
        if self.user is not None and self.group is not None:
            os.chown(path, self.user, self.group)

    def can_use(self, path: Path) -> bool:
        """Tell whether this account may run a program, or pass through a folder and all that are above it."""
        # The kernel knows; user None is this process.
        command = ["/usr/bin/test", "-x", str(path)]
        return subprocess.run(command, **self.identity, check=False).returncode == 0  # noqa: S603 - ours

    def temporary_parent(self) -> Path:
        """Return where temporary folders go: the usual place, unless it is too deep or closed to this account.

        Raises:
            ServerUnavailableError: there is no such place.
        """
        for parent in (Path(tempfile.gettempdir()), Path("/tmp"), Path("/var/tmp")):  # noqa: S108 - mkdtemp in it
            if len(os.fsencode(parent)) <= _PARENT_BYTES_MAX and parent.is_dir() and self.can_use(parent):
                return parent
        raise ServerUnavailableError(
            f"No temporary folder has a path of up to {_PARENT_BYTES_MAX} bytes and may be entered by the account that "
            "a server runs under. Point TMPDIR at one, such as /tmp."
        )


def unprivileged_account() -> Account:
    """Return an account that is not root: `nobody` when this process is root, otherwise its own.

    Raises:
        ServerUnavailableError: this process is root and there is no `nobody`.
    """
    if os.geteuid() != 0:
        return Account()
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ServerUnavailableError(
            "This server refuses to run as root, and there is no account `nobody`. Run the tests as another user."
        ) from error
    return Account(user=nobody.pw_uid, group=nobody.pw_gid)
