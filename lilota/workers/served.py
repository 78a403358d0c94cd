"""A process that is forked from lilota's own server: what its program and the server both know of it.

Few modules are imported: the server, which every first worker waits for, needs no more of `multiprocessing` than this.
"""

from __future__ import annotations

import os
import struct
import time
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from lilota.workers.starting import ServedPopen

_NUMBER: Final = struct.Struct("q")
#: Of the process that this one is; where a pickled descriptor is looked for.
_inherited: Final[list[int]] = []


class ServedProcess(BaseProcess):
    """A process that is forked from lilota's own server."""

    _start_method = "forkserver"

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> ServedPopen:  # noqa: N802 - multiprocessing's own name
        from lilota.workers.starting import ServedPopen  # noqa: PLC0415 - workers import this module, and start none

        return ServedPopen(process_obj)


class InheritedDescriptor:
    """A descriptor that travels to a process with the order for it; here, by its place among those that do."""

    def __init__(self, place: int) -> None:
        self._place = place

    def detach(self) -> int:
        """Return it, in the process that has it now."""
        return _inherited[self._place]


def inherit(descriptors: list[int]) -> None:
    """Take what came with the order for this process."""
    _inherited[:] = descriptors


def set_environment(wanted: dict[bytes, bytes]) -> None:
    """Make the environment of this process what is wanted, and the C library's idea of the local time with it."""
    for name in set(os.environb) - set(wanted):
        del os.environb[name]
    os.environb.update(wanted)
    time.tzset()


def write_number(descriptor: int, number: int) -> None:
    """Tell the other end of a pipe a process id, or an exit code."""
    os.write(descriptor, _NUMBER.pack(number))  # so little is written at once


def read_number(descriptor: int) -> int:
    """Return what the other end tells.

    Raises:
        EOFError: it will tell nothing any more.
    """
    data = os.read(descriptor, _NUMBER.size)
    if not data:
        raise EOFError
    return int(_NUMBER.unpack(data)[0])
