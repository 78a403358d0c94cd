"""Answers with the files of a task: always as downloads, whole or in part."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import BinaryIO, Final
from urllib.parse import quote

from lilota.errors import FileGoneError
from lilota.files.reading import TaskFile
from lilota_status.records import COMMON_HEADERS, Answer, Asked, Headers, Pieces, Refusal, not_found

_MEDIA_TYPE: Final = re.compile(r"[a-zA-Z0-9][\w.+-]{0,100}/[a-zA-Z0-9][\w.+-]{0,100}", re.ASCII)
#: A browser may run what is in these; of a download, nobody needs to know.
_ACTIVE: Final = re.compile(r"html|[/+]xml|script", re.IGNORECASE)
_UNKNOWN_TYPE: Final = "application/octet-stream"
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_DISCARDED: Final = 1024 * 1024


def download(file: TaskFile, asked: Asked) -> Answer:
    """Return a file, or the part of it that is asked for.

    Raises:
        Refusal: it is gone, or the part is none.
        FileAreaError: the file area can't be read.
    """
    try:
        stream = file.open()  # it may be a newer one, of which all that follows is said
    except FileGoneError:
        raise not_found() from None
    try:
        return _answer(file, stream, asked)
    except BaseException:
        stream.close()
        raise


def _answer(file: TaskFile, stream: BinaryIO, asked: Asked) -> Answer:
    headers = _headers(file)
    if _etag(file) in asked.headers.get("if-none-match", ""):
        stream.close()
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    part = _part(file, asked)
    if part is None:
        return Answer(
            headers=[*headers, ("Content-Length", str(file.size))],
            body=Pieces(stream, file.size),
        )
    _go_to(stream, part.start)
    where = ("Content-Range", f"bytes {part.start}-{part.stop - 1}/{file.size}")
    return Answer(
        status=HTTPStatus.PARTIAL_CONTENT,
        headers=[*headers, where, ("Content-Length", str(len(part)))],
        body=Pieces(stream, len(part)),
    )


def _headers(file: TaskFile) -> Headers:
    return [
        ("Content-Type", _media_type(file.media_type)),
        ("Content-Disposition", _disposition(file.name)),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Accept-Ranges", "bytes"),
        ("ETag", _etag(file)),
        *COMMON_HEADERS,
    ]


def _media_type(media_type: str) -> str:
    """Return what a task says of its file, unless a browser would do more with it than keep it."""
    is_harmless = _MEDIA_TYPE.fullmatch(media_type) and not _ACTIVE.search(media_type)
    return media_type if is_harmless else _UNKNOWN_TYPE


def _disposition(name: str) -> str:
    """Say under which name to keep a file: in ASCII for old browsers, and in full (RFC 6266)."""
    plain = re.sub(r'[^ -~]|["\\%;]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _etag(file: TaskFile) -> str:
    return f'"{re.sub("[^0-9a-f]", "", file.sha256)}"'


def _part(file: TaskFile, asked: Asked) -> range | None:
    """Return which bytes are asked for, None for all.

    Raises:
        Refusal: there are no such bytes, or several parts are asked for at once.
    """
    wanted = asked.headers.get("range", "").replace(" ", "")
    known = asked.headers.get("if-range")
    if not wanted.startswith("bytes=") or (known is not None and known != _etag(file)):
        return None
    found = _RANGE.fullmatch(wanted)
    part = range(0) if found is None else _bytes_between(found[1], found[2], file.size)
    if not part:
        raise Refusal(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            "The file has no such part; only one part can be asked for at a time.",
            Content_Range=f"bytes */{file.size}",
        )
    return part


def _bytes_between(first: str, last: str, size: int) -> range:
    if first:
        return range(int(first), min(int(last) + 1, size) if last else size)
    return range(max(0, size - int(last or 0)), size)


def _go_to(stream: BinaryIO, start: int) -> None:
    if stream.seekable():
        stream.seek(start)
        return
    while start and (piece := stream.read(min(start, _DISCARDED))):
        start -= len(piece)
