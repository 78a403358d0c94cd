"""Where a server lives: its folders, the account that it runs under, and the watchdog that clears all away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from lilota_test_servers import watchdog
from lilota_test_servers.accounts import Account
from lilota_test_servers.errors import ServerFailedError, ServerUnavailableError

_LOG_LINES = 15


class Home:
    """Two new folders. They go away with `leave`, when this object is collected, and when this process ends.

    Args:
        name: whose home it is, for messages.
        environment: variables for its processes, besides those of this process.
        end_signal: ends its process at once.
        data_parent: where the folder of the data is; None means inside the other one.
    """

    def __init__(
        self,
        name: str,
        account: Account,
        environment: Mapping[str, str],
        end_signal: signal.Signals,
        data_parent: Path | None,
    ) -> None:
        self.account = account
        self.folder: Path = account.make_folder(account.temporary_parent(), "lilota-server-")
        self.data: Path = account.make_folder(data_parent or self.folder, "data-")
        self._name = name
        self._environment = environment
        self._log = self.folder / "server.log"
        self._watchdog = _start_watchdog(end_signal, (self.folder, self.data))
        self._finish = weakref.finalize(self, _end_watchdog, self._watchdog)

    def launch(self, command: list[str]) -> subprocess.Popen[bytes]:
        """Start the server. What it prints goes into its log."""
        with self._log.open("ab") as log:
            process = self._popen(command, stdin=subprocess.DEVNULL, output=log)
        self.watch(process.pid)
        return process

    def run(self, command: list[str], *, stdin: bytes = b"") -> None:
        """Run a program that serves the server to its end.

        Raises:
            ServerFailedError: it ended with an error.
        """
        process = self._popen(command, stdin=subprocess.PIPE, output=subprocess.PIPE)
        output, _ = process.communicate(stdin)
        if process.returncode:
            raise ServerFailedError(
                f"{self._name} could not be used: {Path(command[0]).name} ended with code {process.returncode}.\n"
                f"{_tail(output.decode(errors='replace'))}"
            )

    def watch(self, pid: int) -> None:
        """Tell the watchdog which process to end; 0 while there is none."""
        if self._watchdog.stdin is not None:
            self._watchdog.stdin.write(f"{pid}\n".encode())
            self._watchdog.stdin.flush()

    def log_tail(self) -> str:
        """Return the last lines of the log."""
        return _tail(self._log.read_text(errors="replace"))

    def leave(self) -> None:
        """Remove the folders."""
        self._finish()

    def _popen(self, command: list[str], *, stdin: int, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - the programs are those of the server
                command,
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, **self._environment},
                # Ctrl-C is for the tests; they stop the server when they are through.
                start_new_session=True,
                **self.account.identity,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ServerUnavailableError(f"{self._name} can't be run: {error}") from error


def _start_watchdog(end_signal: signal.Signals, folders: tuple[Path, ...]) -> subprocess.Popen[bytes]:
    # -I -S: it needs no installed package, and starts in half the time.
    command = [sys.executable, "-I", "-S", watchdog.__file__, str(int(end_signal)), *map(str, folders)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603 - a file of ours


def _end_watchdog(process: subprocess.Popen[bytes]) -> None:
    process.communicate()


def _tail(text: str) -> str:
    return "\n".join(text.splitlines()[-_LOG_LINES:])
