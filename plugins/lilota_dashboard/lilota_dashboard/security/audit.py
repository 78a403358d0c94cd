"""The log of actions: who did what to which tasks, and what came of it."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Final

from lilota.texts.safe import safe
from lilota.texts.stderr_logs import logs_on_stderr
from lilota_dashboard.security.limits import client_of

if TYPE_CHECKING:
    from starlette.requests import Request

#: An application that wants to keep the actions adds a handler to this one.
logger: Final = logging.getLogger("lilota.dashboard.actions")


def record(request: Request, action: str, about: str, outcome: str) -> None:
    """Write a line: who, from where, did what to what, and what became of it. Their texts come from strangers."""
    who, client = request.state.visitor, client_of(request.client)
    text = f"{who} at {client}: {action} {about}: {outcome}"
    logger.info("%s", safe(text), extra={"who": who, "client": client, "action": action, "about": about})


def actions_on_stderr() -> AbstractContextManager[None]:
    """Show the actions on standard error, each with its time and the offset from UTC; for a dashboard of its own."""
    formatter = logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    return logs_on_stderr(formatter, logging.INFO, logger.name)
