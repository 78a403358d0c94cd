"""The files of tasks: what the author of a file area imports, and the rooms in which lilota deals with files."""

from __future__ import annotations

from lilota.contract.file_areas import FileArea, FileAreaFactory, FileAreaInfo
from lilota.files.places import check_place

__all__ = ["FileArea", "FileAreaFactory", "FileAreaInfo", "check_place"]
