"""The script and the stylesheet as they are sent."""

from __future__ import annotations

import pytest
from lilota_status.asgi import status_app

#: What a page may have to load for a live bar: an image of a button is larger.
_MOST_BYTES = 12_000


@pytest.fixture
def visitor(client, serve):
    return serve(status_app(client))


def test_the_script_and_the_stylesheet_are_small_as_they_are_sent(visitor):
    """Both together, packed as every browser asks for it; the source stays readable, and is not much larger."""
    sent = 0
    for name in ("lilota.js", "lilota.css"):
        with visitor.http.stream("GET", name, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            sent += len(b"".join(answer.iter_raw()))

    assert sent < _MOST_BYTES


def test_who_can_not_unpack_gets_it_as_it_is(visitor):
    """With another mark, so that caches do not mix them up."""
    plain = visitor.http.get("lilota.js", headers={"Accept-Encoding": "identity"})
    packed = visitor.http.get("lilota.js", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert plain.content == packed.content
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
