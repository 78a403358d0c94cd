"""Refuse bodies by what the head of a request says of them: the pages need none, and read none."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from lilota_status.records import Asked, Refusal

_LONGEST_BODY: Final = 10_000
_TWO_LENGTHS: Final = frozenset({"content-length", "transfer-encoding"})


def check_body(asked: Asked) -> None:
    """Let through a request that has no body, or a short one, or one of which nobody knows how long it is.

    Raises:
        Refusal: its body is long, or ends in two places: for a proxy elsewhere than for the server.
    """
    if asked.headers.keys() >= _TWO_LENGTHS:
        # h11, and so uvicorn, would take what follows for the next request (RFC 9112, 6.1).
        raise Refusal(HTTPStatus.BAD_REQUEST, "The request has two lengths.", Connection="close")
    length = asked.headers.get("content-length") or "0"
    if not length.isdecimal() or int(length[:30]) > _LONGEST_BODY:
        raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Nothing that long is read here.")
