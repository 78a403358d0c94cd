"""What a URL says: which cluster to use, and how much of it."""

from __future__ import annotations

import re
from typing import Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

import dask.config
import msgspec
from dask.utils import parse_timedelta

from lilota.contract import redacted
from lilota_dask.url_options import PROTOCOLS, read_options, unreadable

DEFAULT_PORT: Final = 8786

_HOST: Final = re.compile(r"[\w.-]+|\[[0-9A-Fa-f:.]+(%\w+)?\]")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where the scheduler is, and what may be used of its cluster.

    Attributes:
        scheduler: its address for Dask: "tcp://host:8786".
        scheduler_file: the file into which the scheduler writes its address.
        is_local: whether there is no scheduler yet: a LocalCluster is to be started on this machine.
        places: at most so many, or None for all that the cluster has.
        least_places: so many are kept while there is nothing to do, and more only as long as there is; None keeps all.
        idle_seconds: how long a place must not have been needed to be given back.
        resource: a place is one unit of this Dask resource; None: it is a thread of a Dask worker.
        connect_timeout_seconds: how long to wait for the scheduler.
    """

    scheduler: str | None = None
    scheduler_file: str | None = None
    is_local: bool = False
    places: int | None = None
    least_places: int | None = None
    idle_seconds: float = 60.0
    resource: str | None = None
    connect_timeout_seconds: float

    def __str__(self) -> str:
        """Where it is, for people."""
        if self.is_local:
            return "a LocalCluster of this machine"
        return self.scheduler or f"the scheduler of {self.scheduler_file}"


def parse(url: str) -> Target:
    """Read the URL of the executor.

    - `dask://host:8786`, `dask://host`, `dask://[::1]:8786`: the scheduler that listens there.
    - `dask:///scheduler.json`: the one that has written this file, whose path is relative to the current folder; with
      four slashes it is a whole path, as in the URL of a SQLite store.
    - `dask://`, `dask`: that of Dask's own configuration (`scheduler-address`, the variable DASK_SCHEDULER_ADDRESS), or
      else a LocalCluster.

    Options: `?protocol=tls` (default: Dask's `distributed.comm.default-scheme`), `places=N` or `places=1-N`,
    `idle_seconds=N`, `resource=NAME`, `connect_seconds=N` (default: Dask's `distributed.comm.timeouts.connect`).

    Raises:
        ConfigurationError: it can't be used; the message says what to write instead, and shows no password.
    """
    _check_form(url)
    try:
        parts = urlsplit(url if ":" in url else f"{url}://")
    except ValueError:
        raise unreadable(url, "its host or port is wrong") from None
    _check_parts(url, parts)
    options = read_options(url, parts.query)
    place = _place(url, parts, options.pop("protocol", None))
    if place.get("is_local") and "resource" in options:
        raise unreadable(url, "the workers of a LocalCluster have no resources; leave 'resource' out")
    options |= _read_places(options.pop("places", None))
    if "idle_seconds" in options and "least_places" not in options:
        raise unreadable(url, "'idle_seconds' belongs to a range of places, as in 'places=1-8'")
    options.setdefault("connect_timeout_seconds", _dasks_patience_seconds())
    return msgspec.convert({**place, **options}, Target)


def _read_places(range_: object) -> dict[str, object]:
    if range_ is None:
        return {}
    least, most = cast("tuple[int, int]", range_)
    return {"places": most} if least == most else {"places": most, "least_places": least}


def _check_form(url: str) -> None:
    if ":" in url and "://" not in url:
        raise unreadable(url, "it lacks its two slashes")
    if "@" in url:
        reason = "Dask knows no users and passwords; TLS decides who may connect, in Dask's own configuration"
        raise unreadable(url, reason)
    # What people have who copy what the scheduler has printed.
    protocol, separator, place = url.partition("://")[2].partition("://")
    if separator and protocol in PROTOCOLS:
        option = "" if protocol == "tcp" else f"?protocol={protocol}"
        raise unreadable(url, "it has two schemes", f"Did you mean 'dask://{redacted(place)}{option}'?")


def _check_parts(url: str, parts: SplitResult) -> None:
    if parts.fragment:
        raise unreadable(url, "nothing can stand behind a '#'")
    if parts.netloc.count(":") > 1 and "[" not in parts.netloc:
        raise unreadable(url, f"an IPv6 address stands in brackets, as in 'dask://[::1]:{DEFAULT_PORT}'")
    if parts.netloc and parts.path.strip("/"):
        raise unreadable(url, "it names a host and a file")


def _place(url: str, parts: SplitResult, protocol: object) -> dict[str, object]:
    if parts.netloc:
        scheme = protocol or dask.config.get("distributed.comm.default-scheme", "tcp")
        return {"scheduler": f"{scheme}://{_host_and_port(url, parts)}"}
    if protocol is not None:
        raise unreadable(url, "'protocol' belongs to a host; a scheduler file and Dask's configuration name their own")
    if parts.path:
        path = unquote(parts.path.removeprefix("/"))
        if not path or path.endswith("/") or "\0" in path:
            raise unreadable(url, "it names no file")
        return {"scheduler_file": path}
    configured = dask.config.get("scheduler-address", None)
    return {"scheduler": str(configured)} if configured else {"is_local": True}


def _host_and_port(url: str, parts: SplitResult) -> str:
    # `parts.hostname` is in lower case, which the zone of an IPv6 address must not be.
    host = unquote(re.sub(r":[^:\]]*$", "", parts.netloc))
    try:
        port = parts.port if parts.port is not None else DEFAULT_PORT
    except ValueError:
        port = 0
    if host.endswith(".json"):
        raise unreadable(url, f"{host!r} stands where a host stands", f"Did you mean 'dask:///{host}'?")
    if not (_HOST.fullmatch(host) and port):
        raise unreadable(url, "its host or port is wrong")
    return f"{host}:{port}"


def _dasks_patience_seconds() -> float:
    return float(parse_timedelta(dask.config.get("distributed.comm.timeouts.connect", "30s")))
