"""The options behind the `?` of a URL."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn
from urllib.parse import parse_qsl

from lilota.contract import redacted
from lilota.errors import ConfigurationError, did_you_mean

PROTOCOLS: Final = ("tcp", "tls", "ws", "wss")

_FORMS: Final = (
    "Write dask://host:8786, dask:///scheduler.json for a scheduler file in the current folder, "
    "dask:////shared/scheduler.json for one with its whole path, or dask:// for a cluster on this machine."
)
_PLACES: Final = re.compile(r"([1-9][0-9]{0,5})(?:-([1-9][0-9]{0,5}))?")
_RESOURCE: Final = re.compile(r"[\w.-]{1,100}")
_SECONDS: Final = (0.1, 3600.0)


def unreadable(url: str, reason: str, hint: str = "") -> ConfigurationError:
    """Return the error of a URL that can't be used: why, what may have been meant, and the forms that there are."""
    said = f"The URL {redacted(url)[:300]!r} of the executor can't be used: {reason}."
    return ConfigurationError(" ".join(part for part in (said, hint, _FORMS) if part))


def read_options(url: str, query: str) -> dict[str, object]:
    """Return the fields of a Target that the options set, and the protocol."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise unreadable(url, "its options must be '?name=value&name=value'") from None
    fields: dict[str, object] = {}
    for name, text in pairs:
        if name not in _OPTIONS:
            _refuse(url, name)
        field, read = _OPTIONS[name]
        if field in fields:
            raise unreadable(url, f"it has the option {name!r} twice")
        fields[field] = read(url, text)
    return fields


def _refuse(url: str, name: str) -> NoReturn:
    raise ConfigurationError(
        f"The URL {redacted(url)[:300]!r} of the executor has an unknown option {name[:100]!r}."
        f"{did_you_mean(name, _OPTIONS)} There are: {', '.join(_OPTIONS)}."
    )


def _protocol(url: str, text: str) -> str:
    if text not in PROTOCOLS:
        raise unreadable(url, f"'protocol' must be one of {', '.join(PROTOCOLS)}, not {text[:100]!r}")
    return text


def _places(url: str, text: str) -> tuple[int, int]:
    found = _PLACES.fullmatch(text)
    least, most = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if least > most:
        raise unreadable(url, f"'places' must be a whole number from 1 on, or a range as 1-8, not {text[:100]!r}")
    return least, most


def _resource(url: str, text: str) -> str:
    if not _RESOURCE.fullmatch(text):
        raise unreadable(url, f"'resource' must be the NAME of `dask worker --resources NAME=2`, not {text[:100]!r}")
    return text


def _seconds(url: str, name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _SECONDS[0] <= seconds <= _SECONDS[1]:
        raise unreadable(url, f"{name!r} must be a number from 0.1 to 3600, not {text[:100]!r}")
    return seconds


_OPTIONS: Final[Mapping[str, tuple[str, Callable[[str, str], object]]]] = MappingProxyType(
    {
        "protocol": ("protocol", _protocol),
        "places": ("places", _places),
        "resource": ("resource", _resource),
        "connect_seconds": ("connect_timeout_seconds", lambda url, text: _seconds(url, "connect_seconds", text)),
        "idle_seconds": ("idle_seconds", lambda url, text: _seconds(url, "idle_seconds", text)),
    }
)
