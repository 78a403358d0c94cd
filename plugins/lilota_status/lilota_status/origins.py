"""Tell whether a page of this very application sends a request that changes something."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlsplit

from lilota_status.records import Asked, Refusal


def check_same_origin(asked: Asked) -> None:
    """Let through what a page of the same origin sends, and nothing else.

    Browsers say so by `Sec-Fetch-Site`, where the connection is secure; else by `Origin`. A program that is no browser
    has to send one of them, too.

    Raises:
        Refusal: it comes from elsewhere, or nobody knows from where.
    """
    site, origin = asked.headers.get("sec-fetch-site"), asked.headers.get("origin")
    is_ours = site == "same-origin" if site is not None else _is_of_host(origin, asked.headers.get("host"))
    if not is_ours:
        raise Refusal(HTTPStatus.FORBIDDEN, "Only a page of this site can do that.")


def _is_of_host(origin: str | None, host: str | None) -> bool:
    """Compare an origin with the host that was asked; the scheme is not compared, as a proxy may end TLS."""
    if not origin or not host:
        return False
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and parts.netloc.lower() == host.lower()
