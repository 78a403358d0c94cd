"""Which web addresses are one's own: for pages behind a proxy that asks for them by another name."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from lilota.errors import ConfigurationError


def checked_origins(texts: Iterable[str]) -> frozenset[str]:
    """Return origins in the form in which browsers tell them: `https://board.example.org`, or with a port.

    Raises:
        ConfigurationError: one of them is no origin, or `texts` is one text.
    """
    if isinstance(texts, str):
        raise ConfigurationError(f"Trusted origins are a list: [{texts!r:.100}].")
    return frozenset(map(_checked, texts))


def is_own_origin(origin: str, host: str | None, trusted: frozenset[str]) -> bool:
    """Tell whether a header `Origin` names the host that was asked, or an origin that is trusted.

    The scheme of the host is not compared, as a proxy may end TLS.
    """
    if origin.lower() in trusted:
        return True
    given = _host_of(origin)
    return bool(given) and host is not None and given == host.lower()


def _checked(text: str) -> str:
    netloc = _host_of(text)
    if not netloc or "@" in netloc or text.lower().partition("://")[2] != netloc:
        raise ConfigurationError(
            f"{text!r:.100} is no origin. Write what stands before the path in the address of a page, as "
            "https://board.example.org or http://localhost:8080."
        )
    return text.lower()


def _host_of(origin: str) -> str | None:
    """Return host and port of an origin, in small letters; None if it is none, as "null"."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc.lower() if parts.scheme in {"http", "https"} else None
