"""Skip tests whose server is not installed, but never where all servers are meant to be: in CI."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn, TypeVar

from lilota_test_servers.base import ServerProcess
from lilota_test_servers.errors import ServerUnavailableError

ServerT = TypeVar("ServerT", bound=ServerProcess)


def available_or_skip(factory: Callable[[], ServerT]) -> ServerT:
    """Make a server, start it and return it. Skip the test when it is not installed; fail it when `CI` is set.

    >>> server = available_or_skip(lambda: PostgresServer(port=0))  # doctest: +SKIP
    """
    try:
        server = factory()
        server.start()
    except ServerUnavailableError as error:
        skip_or_fail(error)
    return server


def skip_or_fail(error: ServerUnavailableError) -> NoReturn:
    """End a test whose server or browser is not installed: skip it, or fail it when `CI` is set."""
    import pytest

    if os.environ.get("CI"):
        pytest.fail(f"{error} (CI is set, so this is an error.)")
    pytest.skip(str(error))
