"""The script and the stylesheet of the pages, which browsers keep until they are other ones."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final, NamedTuple

from lilota_status.records import Answer, Asked, Headers

_MAX_AGE_SECONDS: Final = 300


def _code_of(script: bytes) -> bytes:
    """Return a script without indentation and the lines that are comments; what a page runs is line for line the same.

    That takes a script in which comments have lines of their own, and no text goes over several lines.
    """
    lines = (line.strip() for line in script.splitlines())
    return b"".join(line + b"\n" for line in lines if line and not line.startswith((b"//", b"/*")))


class Asset(NamedTuple):
    """A file that is served.

    Attributes:
        shortened: what is sent of its content.
    """

    media_type: str
    shortened: Callable[[bytes], bytes] = bytes


#: What is served, by name.
ASSETS: Final = {
    "lilota.js": Asset("text/javascript; charset=utf-8", _code_of),
    "lilota.css": Asset("text/css; charset=utf-8"),
}


def asset(name: str, asked: Asked) -> Answer:
    """Return one of `ASSETS`, packed for browsers that can unpack it, as all do."""
    is_packed = "gzip" in asked.headers.get("accept-encoding", "")
    content = _content(name, is_packed=is_packed)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers: Headers = [
        ("Content-Type", ASSETS[name].media_type),
        ("Cache-Control", f"max-age={_MAX_AGE_SECONDS}"),
        ("X-Content-Type-Options", "nosniff"),
        ("ETag", etag),
        ("Vary", "Accept-Encoding"),
        *([("Content-Encoding", "gzip")] if is_packed else []),
    ]
    if etag in asked.headers.get("if-none-match", ""):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(headers=headers, body=content)


@lru_cache(maxsize=2 * len(ASSETS))
def _content(name: str, *, is_packed: bool) -> bytes:
    content = ASSETS[name].shortened((files("lilota_status") / "static" / name).read_bytes())
    # Without the time of packing: the same content has the same ETag in every process.
    return gzip.compress(content, mtime=0) if is_packed else content
