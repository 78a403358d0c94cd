"""Tell whether a page of this very application sends a request that changes something."""

from __future__ import annotations

from http import HTTPStatus

from lilota.origins import is_own_origin
from lilota_status.records import Asked, Refusal


def check_same_origin(asked: Asked, trusted: frozenset[str]) -> None:
    """Let through what a page of the same origin sends, and nothing else.

    Browsers say so by `Sec-Fetch-Site`, where the connection is secure; else by `Origin`. A program that is no browser
    has to send one of them, too.

    Args:
        trusted: origins that are ours besides the host that was asked, as a proxy may ask for another one.

    Raises:
        Refusal: it comes from elsewhere, or nobody knows from where.
    """
    site, origin = asked.headers.get("sec-fetch-site"), asked.headers.get("origin")
    if site is None:
        is_ours = origin is not None and is_own_origin(origin, asked.headers.get("host"), trusted)
    else:
        is_ours = site == "same-origin"
    if not is_ours:
        raise Refusal(HTTPStatus.FORBIDDEN, "Only a page of this site can do that.")
