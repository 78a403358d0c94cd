"""The file area that is a folder."""

import os
import stat
from pathlib import Path

import pytest

from lilota.errors import ConfigurationError, FileAreaError
from lilota.files.folder import FolderArea, make_folder_area
from lilota.testing import FileAreaContract


class TestFolder(FileAreaContract):
    @pytest.fixture
    def make_area(self, tmp_path):
        return lambda: FolderArea(tmp_path / "files")


def test_the_folder_is_made_with_the_first_file_and_for_its_user_alone(tmp_path):
    """Looking makes nothing."""
    area = FolderArea(tmp_path / "files")
    area.folders()
    made_by_looking = (tmp_path / "files").exists()

    area.put("0/a", [b"x"])

    assert not made_by_looking
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


def test_a_disk_that_is_not_mounted_gets_no_files(tmp_path):
    """The folder in which the area lies is not made: the files would be on another disk, below the mount."""
    area = FolderArea(tmp_path / "mount" / "files")

    with pytest.raises(FileAreaError, match=r"No such file or directory\. See that the disk is there"):
        area.put("0/a", [b"x"])
    assert not (tmp_path / "mount").exists()


def test_a_full_disk_is_an_error_that_says_so_and_leaves_nothing(tmp_path):
    """The file system of /dev/full has room for nothing."""
    area = FolderArea(tmp_path / "files")
    area.put("0/a", [b"x"])
    os.symlink("/dev/full", tmp_path / "files" / "0" / "target")

    class OnFullDisk(FolderArea):
        def _create(self, path: str):
            Path(path).touch()
            return open("/dev/full", "wb", buffering=0)

    with pytest.raises(FileAreaError, match="No space left on device"):
        OnFullDisk(tmp_path / "files").put("0/b", [b"x"])

    assert list(area.files("0")) == ["0/a"]


def test_what_an_older_link_leads_to_is_no_file_of_the_area(tmp_path):
    """A sweep deletes neither what a link names nor what is behind it."""
    area = FolderArea(tmp_path)
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "link").symlink_to("/etc/passwd")
    (tmp_path / "1").symlink_to("/etc")

    assert list(area.files("0")) == []
    assert area.folders() == ["0"]


@pytest.mark.parametrize(
    ("url", "path", "is_shared"),
    [
        ("file:///srv/app/files", "/srv/app/files", False),
        ("file:///srv/with%20space/ä", "/srv/with space/ä", False),
        ("file://localhost/srv", "/srv", False),
        ("file:///srv?shared=1", "/srv", True),
    ],
)
def test_a_url_names_a_folder(url, path, is_shared):
    """And whether all hosts have it."""
    info = make_folder_area(url).info()

    assert (info.description, info.is_shared) == (f"the folder {path}", is_shared)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("file://files", "three slashes"),
        ("file://host/files", "three slashes"),
        ("file://", "three slashes"),
        ("file:///a%00b", "three slashes"),
        ("file:///srv?shared=yes", r"only '\?shared=1'"),
        ("file:///srv?public=1", r"only '\?shared=1'"),
        ("file:///srv#part", r"only '\?shared=1'"),
    ],
)
def test_a_url_that_names_none_is_refused(url, remedy):
    """Relative paths too: workers have another working folder."""
    with pytest.raises(ConfigurationError, match=remedy):
        make_folder_area(url)
