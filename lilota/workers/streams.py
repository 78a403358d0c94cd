"""Standard output and error while several attempts run at once: what Python code prints belongs to its attempt."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO, cast

from lilota.workers.current import OWNER


@contextlib.contextmanager
def told_apart() -> Iterator[None]:
    """Lead what is printed to the attempt of the code that prints it; afterwards, and elsewhere, to where it went."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = cast("list[TextIO]", [_OwnedStream(stream) for stream in before])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _OwnedStream:
    """A text stream in front of another one; who keeps it for longer than it is in place has that other one."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        owner = OWNER.get()
        if owner is None or owner.has_ended:
            return self._stream.write(text)
        owner.print(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)
