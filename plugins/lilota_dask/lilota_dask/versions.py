"""Whether a scheduler is there to which this version of Dask can speak; and that a Dask worker lacks lilota.

Asked by a call that every version of Dask knows, before a client connects: one of another year fails in some call that
has changed meanwhile, with an error that says nothing.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import re
import socket
from typing import Final

from distributed import Security
from distributed.core import rpc

from lilota.errors import ConfigurationError, described

_MISSING: Final = re.compile(r"No module named '(lilota(?:_dask)?)\b")
#: Nobody is there at all.
_ABSENT: Final = (ConnectionRefusedError, socket.gaierror, TimeoutError, asyncio.CancelledError)
_TLS: Final = "Dask's own configuration (distributed.comm.tls) must name the CA, certificate and key of this cluster."


async def check_scheduler(address: str, patience_seconds: float) -> None:
    """Make sure that a scheduler answers, and is of the same year.

    Raises:
        ConfigurationError: none does, or it is of another; the message says what to do.
    """
    try:
        version = await _version_of(address, patience_seconds)
    except Exception as error:
        cause = _root(error)
        reason = _reason(cause, patience_seconds)
        raise ConfigurationError(
            f"No Dask scheduler can be reached at {address}: {reason}. {_remedy(address, cause)}"
        ) from error
    ours = importlib.metadata.version("distributed")
    if version.partition(".")[0] != ours.partition(".")[0]:
        raise ConfigurationError(
            f"distributed is {ours} here and {version} in the scheduler {address}, and Dask does not work across "
            "years: install the same version here."
        )


def complaint_about(error: BaseException, address: str) -> str:
    """Return a sentence about a Dask worker in which nothing of lilota can be called because it lacks it, or "".

    Such an error may come as a plain `Exception` that has the other one as its text.
    """
    found = _MISSING.search(str(error))
    if found is None:
        return ""
    package = found[1].replace("_", "-")
    return (
        f"The Dask worker {address} has no {package}: install the version of here in the environment that it runs in, "
        "and start it again."
    )


async def _version_of(address: str, patience_seconds: float) -> str:
    # Dask waits without an end for somebody who accepts the connection and says nothing.
    async with asyncio.timeout(patience_seconds + 1):
        arguments = Security().get_connection_args("client")  # type: ignore[no-untyped-call]  # Dask has no types here
        timeout = max(patience_seconds, 0.1)
        connection = rpc(address, connection_args=arguments, timeout=timeout)  # type: ignore[no-untyped-call]  # nor here
        async with connection as scheduler:
            answer = await scheduler.versions(packages=[])
    return str(answer["packages"]["distributed"])


def _reason(cause: BaseException, patience_seconds: float) -> str:
    if isinstance(cause, TimeoutError | asyncio.CancelledError):
        return f"nobody answered within {patience_seconds:g} s"
    return (getattr(cause, "strerror", None) or described(cause)).rstrip(".")


def _remedy(address: str, cause: BaseException) -> str:
    if isinstance(cause, _ABSENT):
        return "Start it, or correct the URL."
    if address.startswith("tls://"):
        return f"{_TLS} If it has no TLS, leave 'protocol=tls' out of the URL."
    return "If it wants TLS, add '?protocol=tls' to the URL."


def _root(error: BaseException) -> BaseException:
    """Return what happened at first: Dask wraps it several times."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
