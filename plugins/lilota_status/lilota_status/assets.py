"""The script and the stylesheet of the pages, which browsers keep until they are other ones."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from lilota_status.records import Answer, Asked, Headers

ASSETS: Final = {"lilota.js": "text/javascript; charset=utf-8", "lilota.css": "text/css; charset=utf-8"}
_MAX_AGE_SECONDS: Final = 300


def asset(name: str, asked: Asked) -> Answer:
    """Return one of `ASSETS`."""
    content = _content(name)
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers: Headers = [
        ("Content-Type", ASSETS[name]),
        ("Cache-Control", f"max-age={_MAX_AGE_SECONDS}"),
        ("X-Content-Type-Options", "nosniff"),
        ("ETag", etag),
    ]
    if etag in asked.headers.get("if-none-match", ""):
        return Answer(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Answer(headers=headers, body=content)


@lru_cache(maxsize=len(ASSETS))
def _content(name: str) -> bytes:
    return (files("lilota_status") / "static" / name).read_bytes()
