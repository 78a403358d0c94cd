"""The suite for file areas: every sentence of `lilota.files.FileArea` that can be seen from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from lilota.contract.file_areas import FileArea
from lilota.errors import CancelRequested, FileAreaError, FileGoneError
from lilota.files.places import PART

#: How long a thread of a test may take; none needs it.
_PATIENCE_SECONDS = 60


class FileAreaContract:
    """All tests that a file area must pass: subclass it in a test module and supply one fixture, `make_area`.

        from lilota.testing import FileAreaContract

        class TestMyArea(FileAreaContract):
            @pytest.fixture
            def make_area(self, tmp_path):
                return lambda: MyArea(tmp_path)

    Each call opens the same area, which is empty when a test begins.
    """

    @pytest.fixture
    def area(self, make_area: Callable[[], FileArea]) -> FileArea:
        """The area under test."""
        return make_area()

    def test_it_has_all_methods_and_says_where_it_is(self, area: FileArea) -> None:
        """The description is for people, so it is not empty."""
        assert isinstance(area, FileArea)
        assert area.info().description
        assert isinstance(area.info().is_shared, bool)

    @pytest.mark.parametrize("chunks", [[], [b""], [b"a"], [b"abc", b"", b"def"], [b"\0\xff\r\n"] * 100])
    def test_what_was_put_is_read_as_it_was(self, area: FileArea, chunks: list[bytes]) -> None:
        """Of whichever pieces it came, and also if it is empty."""
        area.put("0/1-2-3-4", chunks)

        assert _content(area, "0/1-2-3-4") == b"".join(chunks)

    def test_a_large_file_is_whole(self, area: FileArea) -> None:
        """An area may send it in parts, of which this has several."""
        pieces = [bytes([number]) * 1_000_000 for number in range(13)]

        area.put("0/large", pieces)

        with area.open("0/large") as stream:
            assert all(stream.read(1_000_000) == piece for piece in pieces)
            assert stream.read() == b""

    def test_others_that_open_the_same_area_read_it_too(
        self, area: FileArea, make_area: Callable[[], FileArea]
    ) -> None:
        """They do not even if they looked before, and found nothing."""
        other = make_area()
        with pytest.raises(FileGoneError):
            other.open("0/a")
        assert list(other.files("0")) == []

        area.put("0/a", [b"abc"])

        assert _content(other, "0/a") == b"abc"
        assert list(other.files("0")) == ["0/a"]
        assert other.folders() == ["0"]

    def test_there_is_nothing_before_it_is_whole(self, area: FileArea, make_area: Callable[[], FileArea]) -> None:
        """Whoever looks while it is written finds no file, not even a short one."""
        seen = list[str]()

        def look() -> Iterator[bytes]:
            yield b"x" * 6_000_000
            for each in (area, make_area()):
                with pytest.raises(FileGoneError):
                    each.open("0/a")
                seen.extend(place for place in each.files("0") if not place.endswith(PART))
            yield b"end"

        area.put("0/a", look())

        assert seen == []
        assert _content(area, "0/a").endswith(b"xend")

    @pytest.mark.parametrize("error", [ValueError("no"), CancelRequested(), MemoryError()])
    @pytest.mark.parametrize("length", [0, 10, 12_000_000])
    def test_nothing_is_left_of_what_was_not_finished(self, area: FileArea, error: BaseException, length: int) -> None:
        """What a task is ended by is no `Exception`, and comes out as it is."""

        def break_off() -> Iterator[bytes]:
            yield b"x" * length
            raise error

        with pytest.raises(type(error)):
            area.put("0/a", break_off())

        with pytest.raises(FileGoneError):
            area.open("0/a")
        assert list(area.files("0")) == []

    def test_what_is_not_there_is_gone(self, area: FileArea) -> None:
        """So is what lies below a folder that nobody made."""
        for place in ("a", "0/a", "0/1/2"):
            with pytest.raises(FileGoneError):
                area.open(place)

    def test_what_is_deleted_is_gone_and_nothing_else(self, area: FileArea) -> None:
        """To delete it once more does no harm."""
        area.put("0/a", [b"a"])
        area.put("0/b", [b"b"])

        area.delete("0/a")
        area.delete("0/a")
        area.delete("7/none")

        assert list(area.files("0")) == ["0/b"]
        assert _content(area, "0/b") == b"b"

    def test_a_folder_that_was_emptied_takes_files_again(self, area: FileArea) -> None:
        """It may be gone meanwhile; nobody has to know."""
        area.put("0/a", [b"a"])
        area.delete("0/a")

        area.put("0/b", [b"b"])

        assert list(area.files("0")) == ["0/b"]

    def test_folders_and_files_are_told_apart(self, area: FileArea) -> None:
        """Of each folder only what lies directly in it is listed, under its whole place."""
        for place in ("0/a", "0/b", "12/c", "n/0/d", "n/uploads/2026-01-01/e"):
            area.put(place, [b"x"])

        assert sorted(area.folders()) == ["0", "12", "n"]
        assert sorted(area.folders("n")) == ["n/0", "n/uploads"]
        assert sorted(area.files("0")) == ["0/a", "0/b"]
        assert list(area.files("n")) == []
        assert list(area.files("n/uploads/2026-01-01")) == ["n/uploads/2026-01-01/e"]

    def test_there_is_nothing_in_a_folder_that_nobody_made(self, area: FileArea) -> None:
        """That is no error: a store of which no task has files has no folder."""
        assert area.folders() == []
        assert area.folders("0") == []
        assert list(area.files("0")) == []

    def test_many_files_are_listed_whole(self, area: FileArea) -> None:
        """A server may answer by pages of a thousand."""
        places = {f"0/{number}" for number in range(1100)}
        for place in places:
            area.put(place, [b""])

        assert set(area.files("0")) == places

    def test_several_threads_put_at_once(self, area: FileArea) -> None:
        """Each file has what its thread has written."""

        def put(number: int) -> None:
            area.put(f"0/{number}", [bytes([number])] * 100)

        threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE_SECONDS)

        assert [_content(area, f"0/{number}") for number in range(8)] == [bytes([n]) * 100 for n in range(8)]

    @pytest.mark.parametrize(
        "place", ["../a", "0/../../a", "/etc/passwd", "", "0//a", "0/a\0b", "a\\b", ".hidden", "é"]
    )
    def test_a_place_that_leads_elsewhere_is_refused(self, area: FileArea, place: str) -> None:
        """It may come out of a store in which others can write."""
        with pytest.raises(FileAreaError):
            area.open(place)
        with pytest.raises(FileAreaError):
            area.put(place, [b"x"])
        with pytest.raises(FileAreaError):
            area.delete(place)


def _content(area: FileArea, place: str) -> bytes:
    with area.open(place) as stream:
        return stream.read()
