"""A place on this machine where the machine has another name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

_CLONE_NEWUTS = 0x04000000


class OtherName:
    """This machine under another name, as if it were another one: a UTS namespace. Needs root."""

    address = "127.0.0.1"

    def __init__(self, name: str) -> None:
        self.name = name

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Let this thread, and the processes that it starts meanwhile, be there."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path("/proc/thread-self/ns/uts").open() as home:
            if libc.unshare(_CLONE_NEWUTS):
                pytest.skip(f"A machine can't have two names here: {os.strerror(ctypes.get_errno())}")
            try:
                socket.sethostname(self.name)
                yield
            finally:
                libc.setns(home.fileno(), _CLONE_NEWUTS)
