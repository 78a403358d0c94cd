"""By which names the dashboard may be called: a page of somebody else's must not reach it by a name of its own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(?::\d{1,5})?", re.IGNORECASE)


class AllowedHosts:
    """The names by which requests may ask for the dashboard.

    Args:
        names: host names and addresses, without ports; None allows all, as where an application has checked that.
    """

    def __init__(self, names: Iterable[str] | None) -> None:
        self._names = None if names is None else frozenset(map(str.lower, names))

    def allows(self, host: str) -> bool:
        """Tell whether a Host header is well-formed, and names one of them."""
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        return self._names is None or found[1].lower() in self._names


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine reach what listens on this address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def in_url(host: str) -> str:
    """Return a host as it stands in a URL, and in a Host header."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
