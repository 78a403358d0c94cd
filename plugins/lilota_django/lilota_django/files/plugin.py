"""The entry point: `django://ALIAS`, or `django://ALIAS/some/folder`, where ALIAS is a key of STORAGES.

It imports Django only when a file area is made, so that `lilota plugins` works without a project.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from lilota.errors import ConfigurationError, FileAreaError
from lilota.files import FileArea, check_place

DEFAULT_ALIAS: Final = "default"
#: The folder where a URL names none: a storage has other files, too.
DEFAULT_FOLDER: Final = "lilota"

_FORMS: Final = (
    "Write 'django://ALIAS' or 'django://ALIAS/folder', where ALIAS is a key of STORAGES in the settings of the "
    "project, with '?shared=1' where the storage is a folder that all hosts have mounted."
)


class StorageAddress(NamedTuple):
    """What a URL says; `is_shared` is None where that follows from the storage."""

    alias: str
    folder: str
    is_shared: bool | None


def make_area(url: str) -> FileArea:
    """Make the file area on a storage of the Django project.

    Raises:
        ConfigurationError: the URL has another form; there is no project, or no such storage in it; or the storage
            can't do what a file area needs.
    """
    address = address_in(url)
    from lilota_django.files.opening import open_area  # noqa: PLC0415 - see above

    return open_area(address)


def address_in(url: str) -> StorageAddress:
    """Read a URL.

    Raises:
        ConfigurationError: it has another form.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc or ":" in parts.netloc:
        # Not repeated in the message: there may be a password in it.
        raise ConfigurationError(f"The URL of a file area in Django names a storage, not a server. {_FORMS}")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    shared = options.pop("shared", None)
    if options or shared not in {None, "0", "1"} or parts.fragment:
        raise ConfigurationError(f"'{url:.200}' says more than such a URL can. {_FORMS}")
    folder = unquote(parts.path).strip("/") or DEFAULT_FOLDER
    try:
        check_place(folder)
    except FileAreaError as error:
        raise ConfigurationError(
            f"{folder!r:.200} can't be the folder of a file area: use letters, digits, dashes, dots and slashes."
        ) from error
    return StorageAddress(unquote(parts.netloc) or DEFAULT_ALIAS, folder, None if shared is None else shared == "1")
