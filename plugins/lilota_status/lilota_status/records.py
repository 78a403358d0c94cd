"""A request and its answer, in a form that every web framework can be brought into."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, BinaryIO, Final
from urllib.parse import parse_qsl

import msgspec

from lilota.errors import ConfigurationError

Headers = list[tuple[str, str]]

_MOST_PARAMETERS: Final = 20
#: A hundred references, and what else belongs to a stream.
_LONGEST_QUERY: Final = 20_000
_CHUNK_BYTES: Final = 64 * 1024

#: What every answer has.
COMMON_HEADERS: Final[Headers] = [("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]


class Refusal(Exception):  # noqa: N818 - an answer, not an error
    """What is asked for is not given; the sentence is for the page that asks, and tells nothing of the server."""

    def __init__(self, status: HTTPStatus, sentence: str, **headers: str) -> None:
        super().__init__(status, sentence, headers)
        self.status = status
        self.sentence = sentence
        self.headers: Headers = [(name.replace("_", "-"), value) for name, value in headers.items()]


def not_found() -> Refusal:
    """Return the one answer to whatever is unknown, changed, too old or not allowed: nobody learns which of them."""
    return Refusal(HTTPStatus.NOT_FOUND, "There is no such task, or you may not see it.")


def _can_not_wait(awaitable: Awaitable[Any]) -> object:
    if isinstance(awaitable, Coroutine):
        awaitable.close()  # Python would warn that it was never awaited
    raise ConfigurationError("`allow` and `owner` must be plain functions here: nothing awaits a coroutine.")


class Asked(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A request.

    Attributes:
        path: behind the place at which the pages are mounted, decoded once, without a slash at its beginning.
        query: as it came.
        headers: their names in small letters.
        base: the path of that place, without a slash at its end: "/tasks", or "".
        native: the request of the framework, which `allow` and `owner` get.
        address: of who asks, as far as the server knows.
        wait: returns what a coroutine of the application returns, where that can be had.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    base: str
    native: Any
    address: str = ""
    wait: Callable[[Awaitable[Any]], Any] = _can_not_wait

    @cached_property
    def parameters(self) -> dict[str, str]:
        """What the query says; of several parameters with one name, the last counts.

        Raises:
            Refusal: it is too long, or has too many.
        """
        if len(self.query) > _LONGEST_QUERY:
            raise Refusal(HTTPStatus.REQUEST_URI_TOO_LONG, f"A query has up to {_LONGEST_QUERY:,} characters.")
        try:
            return dict(parse_qsl(self.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
        except ValueError:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"A query has up to {_MOST_PARAMETERS} parameters.") from None

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 0 on of the query; a larger one than the largest becomes that.

        Raises:
            Refusal: it is none.
        """
        text = self.parameters.get(name) or str(default)
        if not (text.isascii() and text.isdecimal()) or len(text) > 30:
            raise Refusal(HTTPStatus.BAD_REQUEST, f"'{name}' must be a whole number from 0 on.")
        return min(int(text), most)

    def accepts(self, media_type: str) -> bool:
        """Tell whether a media type is asked for by name; what takes anything asks for none."""
        return media_type in self.headers.get("accept", "")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; what takes its pieces calls `close` in the end.

    Attributes:
        headers: all of them, but for Content-Length where `body` is bytes.
    """

    status: int = 200
    headers: Headers
    body: bytes | Pieces = b""

    def all_headers(self) -> Headers:
        """Return the headers, and the length where it is known only here."""
        if not isinstance(self.body, bytes) or self.status == HTTPStatus.NOT_MODIFIED:
            return self.headers
        return [*self.headers, ("Content-Length", str(len(self.body)))]

    def pieces(self) -> Iterable[bytes]:
        """Give the body in pieces that have room in any memory."""
        return [self.body] if isinstance(self.body, bytes) else self.body

    def close(self) -> None:
        """Close what the body comes from."""
        if not isinstance(self.body, bytes):
            self.body.close()


class Pieces:
    """So many bytes of a stream, in pieces; the stream stands where they begin."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def __iter__(self) -> Iterator[bytes]:
        while self._left:
            piece = self._stream.read(min(_CHUNK_BYTES, self._left))
            if not piece:  # the file is shorter than it was; the server breaks off, as the length was told
                return
            self._left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the stream."""
        self._stream.close()


def json_answer(content: object, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Answer:
    """Return an answer in JSON."""
    return Answer(
        status=status,
        headers=[("Content-Type", "application/json"), *COMMON_HEADERS, *headers],
        body=msgspec.json.encode(content),
    )


def refused(refusal: Refusal) -> Answer:
    """Return what a refusal says."""
    return json_answer({"error": refusal.sentence}, refusal.status, refusal.headers)
