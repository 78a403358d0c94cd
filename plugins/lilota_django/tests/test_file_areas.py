"""File areas on Django's storages keep the contract: in a folder, and on a real S3 server; others are refused."""

from __future__ import annotations

import os
import stat

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.test import override_settings
from lilota_django.files.file_systems import FileSystemArea
from lilota_django.files.plugin import make_area
from moto_server import ENVIRONMENT, new_bucket, s3_server

from lilota.config import Settings
from lilota.errors import ConfigurationError, FileAreaError, FileGoneError
from lilota.plugins import Plugins
from lilota.testing import FileAreaContract

FOLDER = "django.core.files.storage.FileSystemStorage"


def storages_with(**described):
    """Let STORAGES have these besides the usual ones: alias -> (class, options)."""
    usual = {"default": {"BACKEND": FOLDER}, "staticfiles": {"BACKEND": FOLDER}}
    return override_settings(
        STORAGES={**usual, **{alias: {"BACKEND": name, "OPTIONS": how} for alias, (name, how) in described.items()}}
    )


@pytest.fixture
def folder(tmp_path):
    """The folder of the storage "files"."""
    with storages_with(files=(FOLDER, {"location": tmp_path / "files"})):
        yield tmp_path / "files"


@pytest.fixture(scope="module")
def s3_address(tmp_path_factory):
    with s3_server(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture
def bucket(s3_address, monkeypatch):
    """The storage "files" is an empty bucket; return its name."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    bucket = new_bucket(s3_address)
    with storages_with(files=("storages.backends.s3.S3Storage", {"bucket_name": bucket, "endpoint_url": s3_address})):
        yield bucket


class TestFolder(FileAreaContract):
    @pytest.fixture
    def make_area(self, folder):
        return lambda: make_area("django://files")


class TestS3(FileAreaContract):
    @pytest.fixture
    def make_area(self, bucket):
        return lambda: make_area("django://files/some/folder")


class PlainStorage(Storage):
    """A storage with the least that Django asks for, and lists; it keeps bytes by their names."""

    kept: dict[str, bytes]

    def __init__(self, kept):
        self.kept = kept

    def _open(self, name, mode="rb"):
        return LazyFile(self, name)

    def _save(self, name, content):
        self.kept[name] = content.read()
        return name

    def exists(self, name):
        return name in self.kept

    def delete(self, name):
        del self.kept[name]  # a KeyError of its own, where there is no such file

    def listdir(self, path):
        below = [name.removeprefix(f"{path}/") for name in self.kept if name.startswith(f"{path}/")]
        folders = {name.partition("/")[0] for name in below if "/" in name}
        return sorted(folders), [name for name in below if "/" not in name]


class LazyFile(ContentFile):
    """Looks for its bytes when it is read, and then fails in a way of its own."""

    def __init__(self, storage, name):
        super().__init__(b"", name)
        self._storage = storage
        self._is_read = False

    def read(self, *size):
        if not self._is_read:
            self._is_read = True
            self.file.write(self._storage.kept[self.name])
            self.file.seek(0)
        return self.file.read(*size)


class TestAnyOther(FileAreaContract):
    """What is no folder and no S3: only what Django documents is used of it."""

    @pytest.fixture
    def make_area(self):
        kept = {}
        with storages_with(files=(f"{__name__}.PlainStorage", {"kept": kept})):
            yield lambda: make_area("django://files")


class RenamingStorage(FileSystemStorage):
    """Chooses the names itself, as some services do."""

    def get_available_name(self, name, max_length=None):
        return f"{name}-1"


class EncryptingStorage(FileSystemStorage):
    """Writes something else than it was given, and gives back what it was."""

    def _save(self, name, content):
        return super()._save(name, ContentFile(content.read()[::-1]))

    def _open(self, name, mode="rb"):
        with super()._open(name, mode) as file:
            return ContentFile(file.read()[::-1])


def places(folder):
    """Return what is below a folder, and which permissions it has."""
    return {str(path.relative_to(folder)): oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.rglob("*")}


def test_permissions_and_folder_are_those_of_the_storage(tmp_path):
    """Who runs the site may be another user than who runs the worker; beside what the site keeps there, is a folder."""
    how = {"location": tmp_path, "file_permissions_mode": 0o640, "directory_permissions_mode": 0o750}

    with storages_with(files=(FOLDER, how)):
        make_area("django://files").put("0/a", [b"x"])

    assert places(tmp_path) == {"lilota": "0o750", "lilota/0": "0o750", "lilota/0/a": "0o640"}


def test_a_storage_of_the_project_does_the_writing(tmp_path):
    """It may encrypt: what lies on the disk is what it has made of the file."""
    with storages_with(files=(f"{__name__}.EncryptingStorage", {"location": tmp_path})):
        area = make_area("django://files")
        area.put("0/a", [b"abc"])

        with area.open("0/a") as stream:
            assert stream.read() == b"abc"
    assert (tmp_path / "lilota/0/a").read_bytes() == b"cba"


def test_a_file_is_under_another_name_until_it_is_whole_and_on_the_disk(folder, monkeypatch):
    """A worker that is killed in between leaves that, and the sweep knows it by its end."""
    seen = []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda *names: (seen.append(sorted(places(folder))), rename(*names)))

    make_area("django://files").put("0/a", [b"x" * 3_000_000])

    assert seen == [["lilota", "lilota/0", "lilota/0/a.part"]]
    assert sorted(places(folder)) == ["lilota", "lilota/0", "lilota/0/a"]


def test_nothing_is_left_where_the_name_can_not_be_given(folder, monkeypatch):
    """Neither under the one name nor under the other; the error says what to look at."""
    area = make_area("django://files")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(
        FileAreaError, match=r"storage 'files' \(FileSystemStorage\).*can't take a file: .*No space left"
    ):
        area.put("0/a", [b"x"])

    assert sorted(places(folder)) == ["lilota", "lilota/0"]


def test_an_empty_folder_goes_and_one_that_vanishes_meanwhile_is_made_again(folder, monkeypatch):
    """Or there would be more of them with each thousand tasks; a sweep may remove it while a task writes."""
    area = make_area("django://files")
    area.put("0/a", [b"x"])
    area.delete("0/a")
    emptied = sorted(places(folder))
    makedirs = os.makedirs
    vanishing = iter([True, True])

    def make_and_lose(path, *args, **options):
        makedirs(path, *args, **options)
        if next(vanishing, False):
            os.rmdir(path)

    monkeypatch.setattr(os, "makedirs", make_and_lose)
    area.put("0/b", [b"x"])

    assert emptied == ["lilota"]
    assert sorted(places(folder)) == ["lilota", "lilota/0", "lilota/0/b"]


def test_a_storage_that_chooses_names_itself_is_told_by_the_first_file(tmp_path):
    """Whoever looks for the file later would not find it; nothing is left of it."""
    with (
        storages_with(files=(f"{__name__}.RenamingStorage", {"location": tmp_path})),
        pytest.raises(FileAreaError, match=r"under names of its own \('lilota/0/a.part-1' instead of"),
    ):
        make_area("django://files").put("0/a", [b"x"])

    assert sorted(places(tmp_path)) == ["lilota", "lilota/0"]


def test_a_server_that_is_away_is_an_error_that_says_so(monkeypatch):
    """And not whatever its library raises; what is not there is no error of the server."""
    for name, value in {**ENVIRONMENT, "AWS_MAX_ATTEMPTS": "1"}.items():
        monkeypatch.setenv(name, value)
    how = {"bucket_name": "files", "endpoint_url": "http://127.0.0.1:9"}

    with storages_with(files=("storages.backends.s3.S3Storage", how)):
        area = make_area("django://files")
        with pytest.raises(FileAreaError, match=r"storage 'files' \(S3Storage\), folder lilota\) can't take a file"):
            area.put("0/a", [b"x"])
        with pytest.raises(FileAreaError, match="can't be read") as caught:
            area.open("0/a")
        with pytest.raises(FileAreaError, match="can't be listed"):
            area.folders()

    assert not isinstance(caught.value, FileGoneError)


@pytest.mark.parametrize(
    ("url", "is_shared"),
    [("django://files", False), ("django://files?shared=1", True), ("django://bucket", True), ("django://", False)],
)
def test_a_folder_is_of_one_host_unless_its_url_says_otherwise(tmp_path, url, is_shared):
    """Other storages are found from each host."""
    with storages_with(
        files=(FOLDER, {"location": tmp_path}), bucket=("storages.backends.s3.S3Storage", {"bucket_name": "b"})
    ):
        assert make_area(url).info().is_shared is is_shared


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("django://nosuch", r"STORAGES .* has no alias 'nosuch', only: 'broken', 'default', .*'staticfiles'"),
        ("django://memory", r"'memory' is in the memory of each process: nobody would find"),
        ("django://mute", r"'mute' \(MuteStorage\) has no listdir\(\)"),
        ("django://broken", r"'broken' can't be made: Could not find backend 'no.such.Storage'"),
        ("django://odd", r"'odd' can't be made: .*unexpected keyword argument 'colour'"),
        ("django://files/a%20b", r"'a b' can't be the folder of a file area"),
        ("django://files/../x", r"can't be the folder"),
        ("django://files?colour=1", r"says more than such a URL can. Write 'django://ALIAS'"),
        ("django://files?shared=yes", r"says more than such a URL can"),
        ("django://user:hush@host/db", r"names a storage, not a server"),
    ],
)
def test_a_url_that_names_no_usable_storage_is_refused(tmp_path, url, says):
    """When the area is made, with the remedy; what may be a password is not repeated."""
    with (
        storages_with(
            files=(FOLDER, {"location": tmp_path}),
            memory=("django.core.files.storage.InMemoryStorage", {}),
            mute=(f"{__name__}.MuteStorage", {}),
            broken=("no.such.Storage", {}),
            odd=(FOLDER, {"colour": "red"}),
        ),
        pytest.raises(ConfigurationError, match=says) as caught,
    ):
        make_area(url)

    assert "hush" not in str(caught.value)


class MuteStorage(Storage):
    """Can't list what it has."""


def test_the_area_is_found_by_its_entry_point(folder):
    """As any other, by the scheme of the URL."""
    area = Plugins(Settings()).make_file_area("django", "django://files")

    assert isinstance(area, FileSystemArea)
    assert area.info().description == "the Django storage 'files' (FileSystemStorage), folder lilota"
    assert storages["files"].location == str(folder)
