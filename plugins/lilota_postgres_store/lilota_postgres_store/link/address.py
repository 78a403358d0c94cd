"""Read the URL of a store: what belongs to lilota, and what libpq gets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from lilota.contract import redacted
from lilota.errors import ConfigurationError

DEFAULT_PORT: Final = "5432"

_FORM: Final = "Write postgresql://user:password@host:port/database, with % codes for special characters."
_LOCAL: Final = "the local socket"
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]{0,40}")
_PORTS: Final = re.compile(r"[0-9,]*")
_SWITCH: Final[Mapping[str, bool]] = MappingProxyType({"on": True, "off": False})
_OWN_OPTIONS: Final = ("schema", "table_prefix", "listen", "timeout_seconds")

#: Names that other clients give to their options, and what libpq says instead.
_OTHER_NAMES: Final = MappingProxyType(
    {"ssl": "sslmode", "database": "dbname", "username": "user", "search_path": "schema"}
)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where the tasks are.

    Attributes:
        conninfo: what libpq needs to connect, the password included; never shown.
        schema: the schema of the tables, or None for the one that the server takes for new tables.
        table_prefix: how the names of all tables begin.
        listen: LISTEN and NOTIFY tell of changes; without, the store is polled.
        timeout_seconds: how long the server may be silent before it counts as lost.
    """

    conninfo: str = ""
    schema: str | None = None
    table_prefix: str = "lilota_"
    listen: bool = True
    timeout_seconds: float = 10.0

    @classmethod
    def from_url(cls, url: str) -> Address:
        """Read a URL, or a bare `postgresql`, which leaves everything to libpq's environment variables.

        Raises:
            ConfigurationError: it has another form, an unknown option, or an option with a value that can't be used.
        """
        if "://" not in url:
            return cls()
        conninfo, options = _split(url)
        try:
            parameters = conninfo_to_dict(conninfo)
        except psycopg.ProgrammingError:
            # The message of libpq may quote what it takes for a host, and what is the end of a password.
            raise _unreadable(url) from None
        if not _PORTS.fullmatch(str(parameters.get("port", ""))):
            raise _unreadable(url)
        return cls(
            conninfo=make_conninfo("", **parameters),
            schema=_identifier(url, "schema", options.get("schema")),
            table_prefix=_identifier(url, "table_prefix", options.get("table_prefix", "lilota_")) or "",
            listen=_switch(url, "listen", options.get("listen", "on")),
            timeout_seconds=_seconds(url, "timeout_seconds", options.get("timeout_seconds", "10")),
        )

    def __repr__(self) -> str:
        # Without the password, wherever an address is logged or shown in a traceback.
        return f"<{type(self).__name__} of {self.describe()}>"

    @property
    def parameters(self) -> dict[str, Any]:
        """What libpq was told, by its own names."""
        return dict(conninfo_to_dict(self.conninfo))

    @property
    def hosts(self) -> list[str]:
        """Where the servers are, one of which takes writes."""
        known = self._known()
        return (known["host"] or known.get("hostaddr") or _LOCAL).split(",")

    def describe(self) -> str:
        """Say for people which database that is, without secrets, as far as it is known without connecting."""
        known = self._known()
        database = known["dbname"] or known["user"]
        if known.get("service") and not self.parameters.get("dbname"):
            return f"PostgreSQL service '{known['service']}'"
        return f"PostgreSQL database '{database}' at {_places(self.hosts, known['port'])}"

    def _known(self) -> dict[str, str]:
        """Return what libpq was told, or else takes from its environment."""
        defaults = {
            option.keyword.decode(): (option.val or b"").decode(errors="replace") for option in Conninfo.get_defaults()
        }
        return {**defaults, **{name: str(value) for name, value in self.parameters.items()}}


def _places(hosts: Sequence[str], port: str) -> str:
    """Return hosts and ports; each host has a port of its own, or all have the same."""
    ports = port.split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    pairs = zip(hosts, ports, strict=True)
    return ", ".join(
        host if host.startswith("/") or host == _LOCAL else f"{host}:{port or DEFAULT_PORT}" for host, port in pairs
    )


def _split(url: str) -> tuple[str, dict[str, str]]:
    """Return the URL without the options that libpq does not know, and these."""
    place, _, query = url.partition("://")[2].partition("?")
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError:
        raise _unreadable(url) from None
    own = {name: value for name, value in given if name in _OWN_OPTIONS}
    for_libpq = [(name, value) for name, value in given if name not in _OWN_OPTIONS]
    _check_names(url, [name for name, _ in for_libpq])
    return f"postgresql://{place}?{urlencode(for_libpq, quote_via=quote)}", own


def _unreadable(url: str) -> ConfigurationError:
    return ConfigurationError(f"{redacted(url)!r} can't be read as the address of a database. {_FORM}")


def _check_names(url: str, names: list[str]) -> None:
    known = [*_OWN_OPTIONS, *(option.keyword.decode() for option in Conninfo.get_defaults())]
    for name in names:
        if name in known:
            continue
        close = [_OTHER_NAMES[name]] if name in _OTHER_NAMES else difflib.get_close_matches(name, known, n=1)
        guess = f"Did you mean '{close[0]}'?" if close else f"lilota's own are: {', '.join(_OWN_OPTIONS)}."
        raise ConfigurationError(f"{redacted(url)!r} has an unknown option '{name}'. {guess}")


def _identifier(url: str, option: str, value: str | None) -> str | None:
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise ConfigurationError(
            f"{redacted(url)!r}: the {option} {value!r:.100} can't be used. It may have up to 41 small letters, digits "
            "and underscores, and does not begin with a digit."
        )
    return value


def _switch(url: str, option: str, value: str) -> bool:
    if value not in _SWITCH:
        raise ConfigurationError(f"{redacted(url)!r}: '{option}' must be 'on' or 'off', not {value!r:.100}.")
    return _SWITCH[value]


def _seconds(url: str, option: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 3600:
        raise ConfigurationError(f"{redacted(url)!r}: '{option}' must be from 1 to 3600 seconds, not {value!r:.100}.")
    return seconds
