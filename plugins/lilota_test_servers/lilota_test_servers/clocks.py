"""Run a server with its clock ahead or behind, by libfaketime."""

from __future__ import annotations

from pathlib import Path

from lilota_test_servers.errors import ServerUnavailableError
from lilota_test_servers.programs import in_package

_LIBRARY = "libfaketime.so.1"


def clock_environment(offset_seconds: float) -> dict[str, str]:
    """Return the environment that shifts a program's clock. Its monotonic clock, by which it waits, is left alone.

    Raises:
        ServerUnavailableError: libfaketime is not installed.
    """
    if not offset_seconds:
        return {}
    return {
        "LD_PRELOAD": str(_library()),
        "FAKETIME": f"{offset_seconds:+f}",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # Without this it keeps what it shares with its children in shared memory, where a crash leaves it.
        "FAKETIME_DISABLE_SHM": "1",
    }


def _library() -> Path:
    places = [*Path("/usr/lib").glob(f"*/faketime/{_LIBRARY}"), *Path("/usr/lib").glob(f"faketime/{_LIBRARY}")]
    if in_wheel := in_package("libfaketime", f"vendor/libfaketime/src/{_LIBRARY}"):
        places.append(in_wheel)
    if not places:
        raise ServerUnavailableError(
            "A server whose clock is wrong needs libfaketime. Install the package `libfaketime`, from PyPI or Debian."
        )
    return places[0]
