"""Names of files, and the places at which they are kept."""

from datetime import UTC, datetime

import pytest

from lilota.errors import FileAreaError, InvalidFileError
from lilota.files.places import Owner, check_file_name, check_place, new_place, new_upload_place, owner_of


@pytest.mark.parametrize(
    "name", ["report.pdf", "a", "x" * 200, "..pdf", "...", "Bericht für März.pdf", "報告.pdf", "a b"]
)
def test_a_usual_name_is_kept_as_it_is(name):
    """Whatever its alphabet."""
    assert check_file_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\\b", "a\0b", "a\nb", "a\u202eb", "\ud800", "x" * 201, None, 3],
)
def test_a_name_that_could_lead_elsewhere_is_refused(name):
    """Also one that would look like another one."""
    with pytest.raises(InvalidFileError, match=r"name of a file|can't have the name"):
        check_file_name(name)


@pytest.mark.parametrize("namespace", ["", "0123456789abcdef"])
def test_a_place_tells_whose_it_is(namespace):
    """No two are the same, and each is one that a file area takes."""
    owner = Owner(12345, 1_700_000_000_123_456, 7)
    places = [new_place(owner, namespace) for _ in range(2)]

    assert [owner_of(check_place(place)) for place in places] == [owner, owner]
    assert [owner_of(f"{place}.part") for place in places] == [owner, owner]
    assert len(set(places)) == 2
    assert places[0].startswith(f"{namespace}/12/" if namespace else "12/")


@pytest.mark.parametrize("place", ["0/readme.txt", "0/1-2-3", "0/1-2-3-xyz", "uploads/2026-01-01/" + "0" * 32])
def test_what_others_put_there_is_nobodys(place):
    """A sweep leaves it alone."""
    assert owner_of(place) is None


def test_what_is_uploaded_lies_below_the_day_on_which_it_expires():
    """By UTC, so that all hosts agree."""
    place = new_upload_place(datetime(2026, 12, 31, 23, 59, tzinfo=UTC))

    assert check_place(place).startswith("uploads/2026-12-31/")


@pytest.mark.parametrize("place", ["", "../x", "a/../b", "/a", "a/", "a//b", "a\0", "a\nb", ".a", "a/.b", "ä"])
def test_no_other_place_is_opened(place):
    """It comes out of a store, in which others may write."""
    with pytest.raises(FileAreaError, match="is no place in a file area"):
        check_place(place)
