"""What is answered where something can't be answered. Nothing in it tells of this machine to who has no token."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException

from lilota.errors import ConfigurationError, LilotaError, StoreError, TaskNotFoundError, UnknownTaskError
from lilota.texts.safe import safe
from lilota_dashboard.board import board_of
from lilota_dashboard.rendering import page
from lilota_dashboard.security.access import TokenAccess

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

logger: Final = logging.getLogger(__name__)


async def _refused(request: Request, error: HTTPException) -> Response:
    if error.status_code == HTTPStatus.UNAUTHORIZED and isinstance(board_of(request).access, TokenAccess):
        return page(request, "login.html", status_code=401, problem="")
    return _page(request, error.status_code, error.detail, error.headers)


async def _failed(request: Request, error: Exception) -> Response:
    """Answer with a sentence of lilota's. Who is not known here gets none of it."""
    if request.state.visitor is None:
        return _page(request, 500, "This can't be answered.")
    status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
    return _page(request, status, safe(str(error)))


async def _broken(request: Request, error: Exception) -> Response:
    """Answer for a defect: it is in the log of the dashboard, and not on the page."""
    what = f"{type(error).__name__}: {error}"
    logger.error(
        "The dashboard could not answer %s %s: %s", request.method, safe(request.url.path), safe(what), exc_info=error
    )
    return _page(request, 500, "The dashboard could not answer; its log says why.")


def _page(request: Request, status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    title = HTTPStatus(status).phrase.capitalize()
    return page(request, "error.html", status_code=status, headers=headers, title=title, text=text)


_STATUS: Final[Mapping[type[Exception], int]] = {
    TaskNotFoundError: 404,
    UnknownTaskError: 404,
    ConfigurationError: 400,
    StoreError: 503,
    LilotaError: 409,
}
HANDLERS: Final[Mapping[Any, Any]] = {HTTPException: _refused, LilotaError: _failed, Exception: _broken}
