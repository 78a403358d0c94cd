"""The address of a scheduler that is in a file, which may come later."""

from __future__ import annotations

import asyncio
import json
import os
import time
from typing import Final

import msgspec

from lilota.errors import ConfigurationError

#: How often a file that is not there yet is looked for.
_LOOK_SECONDS: Final = 0.1


async def scheduler_in(path: str, patience_seconds: float) -> str:
    """Return the address that a scheduler has written into a file, and wait for one that is not there yet.

    Raises:
        ConfigurationError: it did not come in time, or has no address in it.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            return await asyncio.to_thread(_read, path)  # a shared folder may be slow
        except (OSError, ValueError, KeyError, TypeError) as error:  # half of it may be written
            if time.monotonic() >= deadline:
                raise ConfigurationError(_why_no_address(path, patience_seconds, error)) from None
        await asyncio.sleep(_LOOK_SECONDS)


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return msgspec.convert(json.load(file)["address"], str)


def _why_no_address(path: str, patience_seconds: float, error: Exception) -> str:
    shown = os.path.abspath(path)
    if isinstance(error, FileNotFoundError):
        absolute = "" if os.path.isabs(path) or not os.path.exists(f"/{path}") else f" Did you mean 'dask:////{path}'?"
        return (
            f"There is no scheduler file {shown!r}, after {patience_seconds:g} s.{absolute} Start the scheduler with "
            f"`dask scheduler --scheduler-file {shown}`."
        )
    if isinstance(error, OSError):
        return f"The scheduler file {shown!r} can't be read: {error.strerror}."
    return f"The file {shown!r} has no address of a scheduler in it; it must be one that Dask's scheduler has written."
