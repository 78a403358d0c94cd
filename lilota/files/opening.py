"""Which file area the files of a store are in, and how it is opened."""

from __future__ import annotations

import platform
import re
from typing import Final

import msgspec

from lilota.config import Settings
from lilota.contract import StoreCapabilities, redacted
from lilota.contract.file_areas import FileArea
from lilota.errors import ConfigurationError, FileAreaError
from lilota.plugins import Plugins
from lilota.texts.patterns import Pattern

_SCHEME: Final = Pattern(r"[a-z][a-z0-9.\-]*(\+[a-z0-9.\-]+)?", re.IGNORECASE)
#: In what a store says of itself: an address that means another machine on each.
_LOOPBACK: Final = Pattern(r"localhost|\b127\.|::1|unix:|service '|/(?:var|run|tmp)/")
_NO_NOTES: Final = "The store ({}) can't keep what is to be known of files. Upgrade its package."


class FileSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a process needs to know to keep or find files of tasks.

    Attributes:
        url: the file area, or None where there is none; then `refusal` says why, and what to do about it.
        namespace: the folder of the store in it, "" where the area is the store's alone.
        host: the host on which the area is, if it is one that hosts don't share.
        limit_bytes: how long a file may be.
    """

    url: str | None = None
    namespace: str = ""
    host: str = ""
    refusal: str = ""
    limit_bytes: int


def file_settings(settings: Settings, capabilities: StoreCapabilities, host: str) -> FileSettings:
    """Return where the files of a store's tasks are kept, and how large they may be.

    Args:
        host: that of the runner, or of who looks.
    """
    url, limit_bytes = settings.files or capabilities.files, settings.max_file_mb * 1_000_000
    if "notes" not in capabilities.supports:
        return FileSettings(refusal=_NO_NOTES.format(capabilities.description), limit_bytes=limit_bytes)
    if url is None:
        return FileSettings(refusal=_refusal(capabilities), limit_bytes=limit_bytes)
    namespace = "" if settings.files is None else _namespace(capabilities, host)
    return FileSettings(url=url, namespace=namespace, host=host, limit_bytes=limit_bytes)


def open_area(files: FileSettings, plugins: Plugins) -> FileArea:
    """Return the file area of a URL.

    Raises:
        FileAreaError: there is none, or it is on another host.
        ConfigurationError: nothing that is installed knows such a URL, or it can't be used.
        PluginConflictError, PluginError: as for a store.
    """
    if files.url is None:
        raise FileAreaError(files.refusal)
    scheme, _, _ = files.url.partition("://")
    if not _SCHEME.compiled.fullmatch(scheme):
        raise ConfigurationError(f"{redacted(files.url)!r} is no URL of a file area; write file:///srv/app/files.")
    area = plugins.make_file_area(scheme.partition("+")[0].lower(), files.url)
    if not area.info().is_shared and files.host not in {"", platform.node()}:
        raise FileAreaError(
            f"The file area ({area.info().description}) is on the host {files.host}, and this is {platform.node()}. "
            "Set 'files' to what all hosts reach: s3://bucket/folder, or a folder that all have mounted, "
            "file:///mnt/files?shared=1."
        )
    return area


def _refusal(capabilities: StoreCapabilities) -> str:
    return (
        f"There is no place for files: the store ({capabilities.description}) has none beside it, because other hosts "
        'may use it too. Set one for all processes of the application, as LILOTA_FILES, "files" in lilota.toml or '
        'LILOTA["FILES"] of a Django project: file:///srv/app/files on one host, django://default for a storage of the '
        "project, s3://bucket/folder (pip install lilota-fsspec-files) on several."
    )


def _namespace(capabilities: StoreCapabilities, host: str) -> str:
    """Return the folder of a store in an area that others may use as well.

    What a sweep does not find in its store it deletes, so no two stores may have one folder. That one store has two, by
    two of its addresses, does no harm.
    """
    import hashlib  # noqa: PLC0415 - most stores have an area of their own

    identity = capabilities.identity or capabilities.description
    if not capabilities.multi_host or _LOOPBACK.compiled.search(identity):
        identity = f"{identity} on {host}"
    return hashlib.sha256(identity.encode(errors="surrogatepass")).hexdigest()[:16]
