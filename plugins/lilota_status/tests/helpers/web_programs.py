"""Servers that people use, as programs with pages of tasks in them, each on a socket of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from servers import WITHIN_SECONDS, Visitor, until

_HELPERS = str(Path(__file__).parent)


def printed_by(code: str, **environment: str) -> str:
    """Return what some code prints that can import the helpers, in a process of its own."""
    command = [sys.executable, "-c", code]
    variables = _environment(environment)
    return subprocess.run(command, env=variables, check=True, stdout=subprocess.PIPE, text=True).stdout


class Program:
    """A server in a process of its own, while a `with` block lasts.

    Args:
        command: a module and its options; `{socket}` stands for where it has to listen.
        base: where the pages are mounted.
        environment: variables for it.
    """

    def __init__(self, command: str, base: str = "", **environment: str) -> None:
        self._folder = tempfile.TemporaryDirectory()  # the path of a socket is short, and those of pytest are not
        self._log = Path(self._folder.name, "log")
        where = f"{self._folder.name}/socket"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command.format(socket=where).split()],
                env=_environment(environment),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.visitor = Visitor("http://site.example", base, where)

    def __enter__(self) -> Self:
        try:
            until(self._listens, bool)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.visitor.http.close()
        self.process.terminate()
        try:
            self.process.wait(WITHIN_SECONDS)
        finally:
            self.process.kill()
            self._folder.cleanup()

    def log(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(encoding="utf-8")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.log()
        with socket.socket(socket.AF_UNIX) as connection:
            return connection.connect_ex(self.visitor.socket_path) == 0


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": _HELPERS, **variables}
