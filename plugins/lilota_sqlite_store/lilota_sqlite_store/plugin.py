"""The entry point: `sqlite`, `sqlite:///relative.db`, `sqlite:////absolute/path.db`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from lilota.errors import ConfigurationError
from lilota_sqlite_store.store import SQLiteTaskStore

DEFAULT_PATH: Final = "lilota.db"
_FORMS: Final = "Use 'sqlite', 'sqlite:///file.db' (in the working folder) or 'sqlite:////folder/file.db'."
_DURABILITIES: Final = MappingProxyType({"full": True, "may_lose_last_second": False})


def open_sqlite_store(url: str) -> SQLiteTaskStore:
    """Return a store for the file that a URL names, without opening it yet.

    Options: `?durability=full` (the default) or `?durability=may_lose_last_second`, which does not wait for the disk.

    Raises:
        ConfigurationError: the URL has another form, or an option that does not exist.
    """
    parts = urlsplit(url)
    if parts.netloc or parts.fragment:
        raise ConfigurationError(f"'{url}' names a server or a fragment; a SQLite store is a file. {_FORMS}")
    return SQLiteTaskStore(_path(url, parts.path), wait_for_disk=_wait_for_disk(url, parts.query))


def _path(url: str, url_path: str) -> str:
    if url_path == "sqlite" or not url_path:
        return DEFAULT_PATH
    # The first slash ends the (empty) name of a server: three in a row are relative, four are absolute.
    path = unquote(url_path.removeprefix("/"))
    if path == ":memory:":
        raise ConfigurationError(f"'{url}' would be gone with each connection. Use the store 'memory' instead.")
    if not url_path.startswith("/") or not path or "\0" in path:
        raise ConfigurationError(f"'{url}' names no file. {_FORMS}")
    return path


def _wait_for_disk(url: str, query: str) -> bool:
    try:
        options = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query)))
    except ValueError as error:
        raise ConfigurationError(f"The options of '{url}' can't be read: {error}.") from None
    durability = options.pop("durability", "full")
    if options:
        raise ConfigurationError(f"'{url}' has an unknown option '{min(options)}'. The only one is 'durability'.")
    if durability not in _DURABILITIES:
        raise ConfigurationError(
            f"'{url}' has an unknown durability '{durability}'. Choose one of: {', '.join(_DURABILITIES)}."
        )
    return _DURABILITIES[durability]
