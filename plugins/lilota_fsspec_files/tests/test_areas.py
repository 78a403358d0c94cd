"""File areas on fsspec keep the contract: on a real S3 server, and in a folder."""

import fsspec
import pytest
from lilota_fsspec_files.plugin import make_area

from lilota.config import Settings
from lilota.errors import ConfigurationError, FileAreaError
from lilota.plugins import Plugins
from lilota.testing import FileAreaContract


class TestS3(FileAreaContract):
    @pytest.fixture
    def make_area(self, bucket):
        return lambda: make_area(f"{bucket}/some/folder")


class TestFolder(FileAreaContract):
    @pytest.fixture
    def make_area(self, tmp_path):
        return lambda: make_area(f"fsspec+file://{tmp_path}/files")


def test_what_was_broken_off_leaves_no_part_on_the_server(bucket):
    """Parts that nobody finishes would be paid for, and never seen."""
    area = make_area(f"{bucket}/files")

    def break_off():
        yield b"x" * 12_000_000
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        area.put("0/a", break_off())

    system = fsspec.filesystem("s3")
    assert system.list_multipart_uploads(bucket.removeprefix("s3://")) == []


def test_a_server_that_is_away_is_an_error_that_says_so(monkeypatch):
    """And not whatever its library raises."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)

    with pytest.raises(FileAreaError, match=r"The file area \(s3://bucket/files\) can't take a file"):
        make_area("s3://bucket/files").put("0/a", [b"x"])


def test_a_bucket_that_is_not_there_is_an_error_of_the_area(bucket):
    """It is not made: a typing mistake would cost money, and files that nobody finds."""
    area = make_area(f"{bucket}-other/files")

    for content in ([b"x"], [b"x" * 12_000_000]):
        with pytest.raises(FileAreaError, match=r"can't take a file: .*[Bb]ucket does not exist"):
            area.put("0/a", content)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("fsspec+nothing://x", r"fsspec can't use 'nothing://x': Protocol not known"),
        ("fsspec+memory://x", r"another place in each process"),
        ("s3://", r"names no folder; write it like s3://bucket/folder"),
    ],
)
def test_a_url_that_names_no_area_is_refused(url, says):
    """When it is made, by what is wrong with it."""
    with pytest.raises(ConfigurationError, match=says):
        make_area(url)


def test_each_scheme_is_found_without_importing_fsspec():
    """By the metadata of the package alone; a URL is redacted where it is shown."""
    plugins = Plugins(Settings())

    entries = {record.name for record in plugins.records() if record.group == "lilota.files"}

    assert entries >= {"file", "s3", "gs", "az", "sftp", "fsspec"}
