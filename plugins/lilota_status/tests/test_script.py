"""The script and the stylesheet as they are sent."""

from __future__ import annotations

from importlib.resources import files

import pytest
from lilota_status.asgi import status_app

#: What a page may have to load for a live bar: an image of a button is larger.
_MOST_BYTES = 12_000
_MOST_PACKED_BYTES = 7_000
_SOURCE = (files("lilota_status") / "static" / "lilota.js").read_text(encoding="utf-8")


@pytest.fixture
def visitor(client, serve):
    return serve(status_app(client))


def _get(visitor, name, encoding):
    """Return an asset as it travels, and as it is."""
    with visitor.http.stream("GET", name, headers={"Accept-Encoding": encoding}) as answer:
        assert answer.headers.get("Content-Encoding", "identity") == encoding
        return b"".join(answer.iter_raw()), answer.headers


def test_the_script_is_small_even_where_nothing_is_packed(visitor):
    """The source stays readable: what is left out on the way are its comments and indentation."""
    sent, _ = _get(visitor, "lilota.js", "identity")

    assert len(sent) < _MOST_BYTES


def test_the_script_and_the_stylesheet_are_smaller_still_as_browsers_ask_for_them(visitor):
    """Both together, packed."""
    sent = sum(len(_get(visitor, name, "gzip")[0]) for name in ("lilota.js", "lilota.css"))

    assert sent < _MOST_PACKED_BYTES


def test_what_is_sent_of_the_script_has_all_its_lines_but_comments(visitor):
    """Every comment has lines of its own, and ends where its line does; nothing else begins as one does."""
    sent, _ = _get(visitor, "lilota.js", "identity")
    source = [line.strip() for line in _SOURCE.splitlines()]
    left_out = [line for line in source if line not in sent.decode().splitlines()]

    assert sent.decode().splitlines() == [line for line in source if line and line not in left_out]
    assert all(line.startswith("// ") or (line.startswith("/*") and line.endswith("*/")) for line in left_out if line)
    assert all(line.count("`") % 2 == 0 for line in source)


def test_who_can_not_unpack_gets_it_as_it_is(visitor):
    """With another mark, so that caches do not mix them up."""
    plain = visitor.http.get("lilota.js", headers={"Accept-Encoding": "identity"})
    packed = visitor.http.get("lilota.js", headers={"Accept-Encoding": "gzip"})

    assert "Content-Encoding" not in plain.headers
    assert plain.content == packed.content
    assert plain.headers["ETag"] != packed.headers["ETag"]
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
