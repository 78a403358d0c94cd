"""Use a web application as a browser without scripts does: cookies, forms, uploads. Only the standard library."""

from __future__ import annotations

import contextlib
import json
import random
import re
import secrets
import socket
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, Request, build_opener

_HIDDEN_FIELD = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


class Visitor:
    """Somebody who keeps cookies, at an address that ends with a slash."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def is_answered(self) -> bool:
        """Tell whether the application takes requests yet; a first page of any status but 200 is an `HTTPError`."""
        try:
            self.get()
        except HTTPError:
            raise
        except OSError:
            return False
        return True

    def get(self, path: str = "") -> str:
        """Return the page; any status but 200 is an `HTTPError`."""
        with self._opener.open(Request(self._url + path), timeout=60) as answer:
            text: str = answer.read().decode()
            return text

    def get_json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def post(self, path: str, form_at: str = "", **fields: str | Path) -> None:
        """Send the form of a page, with the fields that it has hidden; a path is a file to be uploaded."""
        hidden = dict(_HIDDEN_FIELD.findall(self.get(form_at)))
        boundary = secrets.token_hex(16)
        body = b"".join(_part(boundary, name, value) for name, value in (hidden | fields).items())
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        request = Request(self._url + path, body + f"--{boundary}--\r\n".encode(), headers)
        self._opener.open(request, timeout=60).close()


def _part(boundary: str, name: str, value: str | Path) -> bytes:
    head, content = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"', str(value).encode()
    if isinstance(value, Path):
        head, content = f'{head}; filename="{value.name}"', value.read_bytes()
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"


def free_port() -> int:
    """Return a port of the loopback address on which nobody listens.

    It is none of those that the system gives to whoever asks for any: another test may do so before it is used.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
