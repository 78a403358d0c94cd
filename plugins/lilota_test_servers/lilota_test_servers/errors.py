"""What can go wrong with a server for tests."""

from __future__ import annotations

from lilota.errors import LilotaError


class ServerUnavailableError(LilotaError, RuntimeError):
    """The server can't be started here: its program, or a library that it needs, is not installed."""


class ServerFailedError(LilotaError, RuntimeError):
    """The server is installed, but ended while it started, or never answered."""
