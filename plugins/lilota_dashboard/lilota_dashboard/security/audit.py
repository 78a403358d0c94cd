"""The log of actions: who did what to which tasks, and what came of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from lilota.texts.safe import safe
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
