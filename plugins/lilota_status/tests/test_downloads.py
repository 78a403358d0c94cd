"""Files of tasks are downloads: whole or in part, under harmless names, and never shown as pages."""

from __future__ import annotations

import pytest
from attempts import ref_with_file
from servers import until

TEXT = b"0123456789" * 20_000
NAMES = ['a"b.txt', "a;b%41.txt", "Ölçü 図.pdf", "'; filename=evil.exe", "x" * 200, "-"]
#: What a task may say of its file, and nobody should believe.
MEDIA_TYPES = [
    "text/html",
    "image/svg+xml",
    "application/xhtml+xml",
    "text/xml",
    "text/javascript",
    "text/plain\r\nX-Evil: 1",
    "text/html; charset=x",
    "x",
    "",
]
CLIMBING = [
    "../data.bin",
    "%2e%2e%2fdata.bin",
    "%252e%252e%252fdata.bin",
    "..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "data.bin%00.txt",
    "data.bin/",
    "",
    ".",
    "nothing",
]


@pytest.fixture
def attach(client):
    """Return what attaches a file to a new task, and returns the reference of that."""

    def attached(name="data.bin", content=TEXT, media_type="application/octet-stream"):
        return ref_with_file(client, name, content, media_type)

    return attached


def test_a_file_of_a_real_task(visitor, client, runner):
    """From `attach` in a worker to the visitor, by the address in the snapshot."""
    ref = client.add("attach", input={"files": {"Bericht März.txt": "It is done."}}).ref

    (file,) = visitor.until(ref, "succeeded")["files"]
    answer = visitor.http.get(file["url"])

    assert (file["name"], file["size"]) == ("Bericht März.txt", 11)
    assert answer.text == "It is done."


def test_a_whole_file(visitor, attach):
    """With all that a browser needs to keep it, and nothing that would show it."""
    answer = visitor.get(f"{attach()}/files/data.bin")

    assert (answer.status_code, answer.content) == (200, TEXT)
    assert answer.headers["Content-Length"] == str(len(TEXT))
    assert answer.headers["Content-Disposition"] == "attachment; filename=\"data.bin\"; filename*=UTF-8''data.bin"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=199990-", 199_990, 199_999), ("bytes=-5", 199_995, 199_999),
     ("bytes=10-10", 10, 10), ("bytes=199999-999999999999", 199_999, 199_999), ("bytes=-999999999", 0, 199_999),
     ("bytes=70000-140000", 70_000, 140_000)],
)  # fmt: skip
def test_a_part_of_a_file(some_visitor, attach, asked, first, last):
    """From a place on, between two, or from the end."""
    answer = some_visitor.get(f"{attach()}/files/data.bin", headers={"Range": asked})

    assert answer.status_code == 206
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/200000"
    assert answer.content == TEXT[first : last + 1]


@pytest.mark.parametrize(
    "asked",
    ["bytes=200000-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=a-b", "bytes=0-1,5-6", "bytes=0-,0-,0-",
     "bytes=99999999999999999999-", "bytes=1-2-3"],
)  # fmt: skip
def test_a_part_that_is_none_is_refused(some_visitor, attach, asked):
    """Several at once, too: they would make a small file a large answer."""
    answer = some_visitor.get(f"{attach()}/files/data.bin", headers={"Range": asked})

    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == "bytes */200000"


def test_another_unit_is_not_understood(some_visitor, attach):
    """Then it is all of the file, as if nothing had been asked."""
    answer = some_visitor.get(f"{attach()}/files/data.bin", headers={"Range": "lines=1-2"})

    assert (answer.status_code, answer.content) == (200, TEXT)


def test_a_download_goes_on_only_with_the_same_file(some_visitor, attach):
    """The hash of what is in it tells; a weak one or a date does not."""
    path = f"{attach()}/files/data.bin"
    etag = some_visitor.get(path).headers["ETag"]

    same = some_visitor.get(path, headers={"Range": "bytes=5-", "If-Range": etag})
    others = [some_visitor.get(path, headers={"Range": "bytes=5-", "If-Range": known})
              for known in ('"another"', f"W/{etag}", "Wed, 21 Oct 2015 07:28:00 GMT")]  # fmt: skip

    assert (same.status_code, same.content) == (206, TEXT[5:])
    assert [(answer.status_code, len(answer.content)) for answer in others] == [(200, len(TEXT))] * 3


def test_what_a_browser_has_is_not_sent_again(some_visitor, attach):
    """Its ETag is asked about; a permission is asked for all the same."""
    path = f"{attach()}/files/data.bin"
    etag = some_visitor.get(path).headers["ETag"]

    answer = some_visitor.get(path, headers={"If-None-Match": f'"x", {etag}'})

    assert (answer.status_code, answer.content) == (304, b"")


def test_an_empty_file(some_visitor, attach):
    """It has no part."""
    path = f"{attach(content=b'')}/files/data.bin"

    assert some_visitor.get(path).content == b""
    assert some_visitor.get(path, headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize("media_type", MEDIA_TYPES)
def test_nothing_that_a_browser_would_run_is_called_by_its_type(some_visitor, attach, media_type):
    """A task, and who may write to its store, says what a file is."""
    answer = some_visitor.get(f"{attach('page.html', b'<script>alert(1)</script>', media_type)}/files/page.html")

    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment; ")
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_and_can_not_break_out_of_the_header(some_visitor, attach, name):
    """In ASCII for old browsers, in full for all others."""
    from urllib.parse import quote, unquote

    answer = some_visitor.get(f"{attach(name)}/files/{quote(name, safe='')}")
    plain, full = (
        answer.headers["Content-Disposition"].removeprefix("attachment; filename=").split("; filename*=UTF-8''")
    )

    assert answer.status_code == 200
    assert unquote(full) == name
    assert plain.startswith('"')
    assert plain.endswith('"')
    assert plain.isascii()
    assert not {'"', "\\", ";", "%"} & set(plain[1:-1])


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", "."])
def test_a_record_with_a_name_that_is_none_is_damage(some_visitor, attach, name, caplog):
    """Nobody can attach it, and a store takes no line end at all; who writes there hides no more than the files."""
    ref = attach(name)

    assert some_visitor.get(f"{ref}/files/x").status_code == 503
    assert some_visitor.get(ref).json()["files"] == []
    assert "can't be told" in caplog.text


@pytest.mark.parametrize("path", CLIMBING)
def test_a_path_that_climbs_leads_nowhere(some_visitor, attach, path):
    """A file is found by its name among those of its task, and never by a path."""
    ref = attach()

    answer = some_visitor.http.get(f"{some_visitor.base}/{ref}/files/{path}")

    assert answer.status_code in {404, 400, 308}
    assert b"0123456789" not in answer.content
    assert b"root:" not in answer.content


def test_a_file_that_is_lost_is_not_found(some_visitor, attach, tmp_path):
    """Its record is there, and its bytes are not; nothing is told of where they were."""
    ref = attach()
    for path in tmp_path.rglob("uploads/*/*"):
        path.unlink()

    answer = some_visitor.get(f"{ref}/files/data.bin")

    assert answer.status_code == 404
    assert str(tmp_path) not in answer.text


def test_a_file_area_that_can_not_be_read_is_trouble(some_visitor, attach, tmp_path):
    """The visitor is asked to come again, and hears no path."""
    ref = attach()
    (found,) = tmp_path.rglob("uploads/*/*")
    found.unlink()
    found.mkdir()

    answer = some_visitor.get(f"{ref}/files/data.bin")

    assert answer.status_code == 503
    assert str(tmp_path) not in answer.text


def test_no_file_stays_open(some_visitor, attach):
    """Neither after a whole one, nor after a part that is none, nor after a HEAD."""
    import os

    path = f"{some_visitor.base}/{attach()}/files/data.bin"

    def open_files():
        links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return [link for link in links if os.path.lexists(link) and "uploads" in os.path.realpath(link)]

    some_visitor.http.get(path)
    some_visitor.http.get(path, headers={"Range": "bytes=0-1,2-3"})
    some_visitor.http.head(path)
    some_visitor.http.get(path, headers={"Range": "bytes=0-1"})

    until(open_files, lambda found: not found)
