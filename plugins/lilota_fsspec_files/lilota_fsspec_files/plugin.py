"""What lilota finds: the function that makes a file area of a URL. It imports fsspec only when it is called."""

from __future__ import annotations

from lilota.files import FileArea


def make_area(url: str) -> FileArea:
    """Make the area of a URL that fsspec knows: "s3://bucket/folder", or of any other, "fsspec+hdfs://host/folder".

    Raises:
        ConfigurationError: fsspec has nothing for such a URL, or it names no folder.
    """
    from lilota_fsspec_files.area import FsspecArea  # noqa: PLC0415 - a program that keeps no files needs none of this

    return FsspecArea(url.removeprefix("fsspec+"))
