"""The options behind the `?` of a URL."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn
from urllib.parse import parse_qsl

from lilota.errors import ConfigurationError

FORMS: Final = "Use 'redis://user:password@host:6379/0', 'rediss://...' for TLS, or 'unix:///path/of/the.sock?db=0'."
_PREFIX: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,100}")
_SWITCH: Final[Mapping[str, bool]] = MappingProxyType({"on": True, "off": False})
_LONGEST_NUMBER: Final = 6
_SECONDS: Final = (0.1, 3600.0)


def read_options(scheme: str, query: str) -> dict[str, object]:
    """Return the fields of an Address that the options set.

    Raises:
        ConfigurationError: one does not exist, or can't have that value.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise ConfigurationError(
            "The options of the Redis store's URL can't be read. Write '?name=value&name=value'."
        ) from None
    fields: dict[str, object] = {}
    tls: dict[str, object] = {}
    for name, text in pairs:
        if scheme == "rediss" and name in _TLS_OPTIONS:
            tls[name] = _TLS_OPTIONS[name](text)
        elif name in _OPTIONS and (name != "db" or scheme == "unix"):
            field, read = _OPTIONS[name]
            fields[field] = read(text)
        else:
            _refuse(name, scheme)
    if "ssl_keyfile" in tls and "ssl_certfile" not in tls:
        raise ConfigurationError(
            "The option 'ssl_keyfile' of the Redis store needs 'ssl_certfile' as well: the certificate that it is for."
        )
    return fields | ({"tls": tls} if tls else {})


def _refuse(name: str, scheme: str) -> NoReturn:
    known = [*_OPTIONS, *(_TLS_OPTIONS if scheme == "rediss" else ())]
    if scheme != "unix":
        known.remove("db")
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean '{close[0]}'? " if close else ""
    tls = " It needs 'rediss://'." if name in _TLS_OPTIONS else ""
    raise ConfigurationError(
        f"The URL of the Redis store has an unknown option '{name:.100}'.{tls} {hint}There are: {', '.join(known)}."
    )


def number_of_database(text: str) -> int:
    """Read the number of a database."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER):
        raise ConfigurationError(f"The database of a Redis store must be a number, not '{text:.100}'. {FORMS}")
    return int(text)


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ConfigurationError(
            f"The option 'prefix' of the Redis store must be 1 to 100 letters, digits, '_', '-', '.' or ':', "
            f"not {text!r:.120}. Braces are added by the store itself."
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not _SECONDS[0] <= seconds <= _SECONDS[1]:
        raise ConfigurationError(
            f"The option 'timeout_seconds' of the Redis store must be a number from 0.1 to 3600, not {text!r:.100}."
        )
    return seconds


def _choice(name: str, meanings: Mapping[str, object]) -> Callable[[str], object]:
    def read(text: str) -> object:
        if text not in meanings:
            choices = ", ".join(f"'{word}'" for word in meanings)
            raise ConfigurationError(
                f"The option '{name}' of the Redis store must be one of {choices}, not {text!r:.100}."
            )
        return meanings[text]

    return read


def _file(name: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if not Path(text).is_file():
            raise ConfigurationError(f"The option '{name}' of the Redis store names no file '{text:.300}'. Correct it.")
        return text

    return read


_OPTIONS: Final[Mapping[str, tuple[str, Callable[[str], object]]]] = MappingProxyType(
    {
        "prefix": ("prefix", _prefix),
        "timeout_seconds": ("timeout_seconds", _seconds),
        "cluster": ("is_cluster", _choice("cluster", {"auto": None, **_SWITCH})),
        "listen": ("listens", _choice("listen", _SWITCH)),
        "db": ("database", number_of_database),
    }
)
_TLS_OPTIONS: Final[Mapping[str, Callable[[str], object]]] = MappingProxyType(
    {
        **{name: _file(name) for name in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")},
        "ssl_cert_reqs": _choice("ssl_cert_reqs", {word: word for word in ("required", "optional", "none")}),
        "ssl_check_hostname": _choice("ssl_check_hostname", _SWITCH),
    }
)
