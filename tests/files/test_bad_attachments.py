"""What can't be attached is refused at once, by an error that says what to do."""

import io
import os
import re
import socket
import tempfile
from datetime import timedelta

import pytest
from msgspec.structs import replace

from lilota.errors import FileError, InvalidFileError
from lilota.files.attaching import Attachments, FileKeeper
from lilota.files.describing import described
from lilota.files.folder import FolderArea
from lilota.files.opening import FileSettings
from lilota.files.sources import opened
from lilota.models import Claim, TaskBase
from lilota.testing import run_task

CLAIM = Claim(id=1, token=1, attempt=1, name="task", created_at=1_700_000_000.0)


class AttachWhatIsGiven(TaskBase):
    """Attaches a path under a name."""

    def run(self):
        self.attach(**self.task_info.input)


def attach(source, limit_bytes=100, area=None, **about):
    """Attach to an area of a folder; return the record."""
    keeper = FileKeeper(FileSettings(limit_bytes=limit_bytes), lambda: area)
    with opened(source) as stream:
        about = described(source, about.get("name"), about.get("media_type"), about.get("expires_after"))
        return keeper.keep(CLAIM, stream, about)


@pytest.fixture
def area(tmp_path):
    return FolderArea(tmp_path / "files")


@pytest.fixture
def make(tmp_path):
    """Return a function that makes what is no file, and returns its path."""
    sockets = []

    def make_one(kind):
        path = tmp_path / kind
        if kind == "folder":
            path.mkdir()
        elif kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            sockets.append(socket.socket(socket.AF_UNIX))
            sockets[0].bind(str(path))
        elif kind == "device":
            return "/dev/zero"
        elif kind == "endless link":
            path.symlink_to(path)
        elif kind == "with NUL":
            return "a\0b"
        return str(path)

    yield make_one
    for each in sockets:
        each.close()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", r"There is no file '.*missing' to attach"),
        ("folder", r"it is a folder; pack it first, with shutil\.make_archive"),
        ("pipe", r"it is a named pipe; open it"),
        ("socket", r"can't be read: No such device"),
        ("device", r"it is a device"),
        ("endless link", r"Too many levels of symbolic links"),
        ("with NUL", r"No file can have the path 'a\\x00b'"),
    ],
)
def test_what_is_no_file_is_refused_at_once(area, make, kind, says):
    """Nobody waits for who writes into a pipe, and no device is copied until the disk is full."""
    with pytest.raises(InvalidFileError, match=says):
        attach(make(kind), area=area)
    assert area.folders() == []


def test_a_file_that_may_not_be_read_is_refused(area, tmp_path):
    """As who has started the runner, not as who looks."""
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("root reads every file")

    with pytest.raises(InvalidFileError, match="can't be read: Permission denied"):
        attach(path, area=area)


def written(stream):
    """Return a stream into which somebody has written."""
    stream.write(b"x" * 1_234)
    return stream


def test_a_stream_that_was_written_and_not_rewound_is_refused(area):
    """An empty file of it would be noticed when it is too late."""
    with tempfile.TemporaryFile() as file, tempfile.SpooledTemporaryFile() as spooled:
        for stream in (io.BytesIO(), file, spooled):
            with pytest.raises(InvalidFileError, match=r"'a' would be empty: .* Call its seek\(0\) first\."):
                attach(written(stream), name="a", limit_bytes=2_000, area=area)
    assert list(area.files(area.folders()[0])) == []


def test_a_stream_is_read_from_where_it_stands(area):
    """A part of it is meant to be a part, and what has nothing in it to be empty."""
    part, cut = written(io.BytesIO()), written(io.BytesIO())
    part.seek(1_200)
    cut.truncate(0)

    files = [attach(stream, name="a", limit_bytes=2_000, area=area) for stream in (part, cut, io.BytesIO())]

    assert [file.size for file in files] == [34, 0, 0]


def test_what_can_not_go_back_may_be_empty(area):
    """A pipe, and what knows nothing but how to be read."""

    class Readable:
        def read(self, _size):
            return b""

    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert [attach(stream, name="a", area=area).size for stream in (pipe, Readable())] == [0, 0]


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        (b"bytes", "a", "wrap bytes in io.BytesIO"),
        (None, "a", "by its path or as a stream, not as NoneType"),
        (3, "a", "not as int"),
        (io.StringIO("text"), "a", "open the file with mode 'rb'"),
        (io.BytesIO(b""), None, "A stream without a name"),
        (io.BytesIO(b""), "../a", "can't have the name '../a'"),
        (io.BytesIO(b""), "x" * 201, "has 1 to 200 characters; this one has 201"),
    ],
)
def test_what_is_no_stream_of_a_name_is_refused(area, source, name, says):
    """Each by what to write instead."""
    with pytest.raises(InvalidFileError, match=re.escape(says)):
        attach(source, name=name, area=area)
    assert list(area.files("0")) == []


@pytest.mark.parametrize("media_type", ["", "pdf", "a/b/c", "text/plain\r\nX-Evil: 1", "x/" + "y" * 300, 3])
def test_what_is_no_media_type_is_refused(area, media_type):
    """It may end in a header of a response."""
    with pytest.raises(InvalidFileError, match="is no media type"):
        attach(io.BytesIO(b""), name="a", media_type=media_type, area=area)


@pytest.mark.parametrize("expires_after", [timedelta(0), timedelta(days=-1), 60, "1 day"])
def test_what_is_no_time_ahead_is_refused(area, expires_after):
    """A number could be seconds or days."""
    with pytest.raises(InvalidFileError, match=r"timedelta\(days=7\)"):
        attach(io.BytesIO(b""), name="a", expires_after=expires_after, area=area)


def test_a_file_that_is_too_large_is_refused_before_it_is_copied(area, tmp_path):
    """Ten gigabytes that take no room on the disk are enough to see that none is read."""
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(10_000_000_000)

    with pytest.raises(InvalidFileError, match=r"larger than 0\.0001 MB, .* Raise the setting 'max_file_mb'"):
        attach(path, area=area)
    assert area.folders() == ["0"]
    assert list(area.files("0")) == []


def test_a_stream_is_copied_up_to_the_limit_and_not_further(area):
    """A source that never ends does not fill the disk."""

    class Endless(io.RawIOBase):
        taken = 0

        def read(self, size=-1):
            self.taken += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(InvalidFileError, match="larger than 3 MB"):
        attach(stream, name="a", limit_bytes=3_000_000, area=area)

    assert stream.taken < 6_000_000
    assert list(area.files("0")) == []


def test_a_file_of_exactly_the_limit_is_taken(area):
    """One byte more is not."""
    assert attach(io.BytesIO(b"x" * 100), name="a", area=area).size == 100
    with pytest.raises(InvalidFileError):
        attach(io.BytesIO(b"x" * 101), name="a", area=area)


def test_a_stream_that_breaks_is_an_error_of_its_own(area):
    """It is not the file area that fails."""

    class Broken(io.RawIOBase):
        def read(self, _size=-1):
            raise ConnectionResetError("the server went away")

    with pytest.raises(FileError, match="The file 'a' can't be read: the server went away"):
        attach(Broken(), name="a", area=area)
    assert list(area.files("0")) == []


def test_a_refused_file_is_the_error_of_its_task():
    """As any other that it raises."""
    result = run_task(AttachWhatIsGiven, {"source": "/nowhere/report.pdf"})

    assert result.error is not None
    assert (result.error.type, result.files) == ("InvalidFileError", {})


def test_a_file_gets_its_name_and_its_type_from_its_path(area, tmp_path):
    """What was said wins."""
    path = tmp_path / "report.pdf"
    path.write_bytes(b"x")

    named, said = attach(path, area=area), attach(path, name="b.bin", media_type="text/csv; charset=utf-8", area=area)

    assert (named.name, named.media_type) == ("report.pdf", "application/pdf")
    assert (said.name, said.media_type) == ("b.bin", "text/csv; charset=utf-8")
    assert attach(io.BytesIO(b""), name="unknown", area=area).media_type == "application/octet-stream"


def test_a_task_that_is_tested_shows_its_files(tmp_path):
    """As bytes, by name; nothing is left on the disk."""
    path = tmp_path / "report.txt"
    path.write_text("all is well")

    result = run_task(AttachWhatIsGiven, {"source": str(path)})

    assert result.error is None
    assert result.files == {"report.txt": b"all is well"}


def test_a_task_attaches_so_many_files_in_all_its_attempts_together(area, monkeypatch):
    """A file that is attached again counts once; those of other tasks do not count."""
    monkeypatch.setattr("lilota.files.attaching.MOST_FILES", 3)

    def attempt(claim):
        keeper = FileKeeper(FileSettings(limit_bytes=100), lambda: area)
        tell = {"tell": lambda _file: None, "say": lambda _line: None, "wait_until_stored": lambda: None}
        attachments = Attachments(claim, keeper, **tell)
        return lambda name: attachments.attach(io.BytesIO(b"x"), name, None, None)

    for name in ("a", "b", "c"):
        attempt(replace(CLAIM, id=2))(name)
    for name in ("a", "b", "a"):
        attempt(CLAIM)(name)
    attach_again = attempt(replace(CLAIM, token=2, attempt=2))
    for name in ("b", "c", "a"):
        attach_again(name)

    with pytest.raises(InvalidFileError, match="One task can attach 3 files at most, all its attempts together"):
        attach_again("d")
