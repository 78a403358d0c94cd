"""Read what the metadata of one distribution says: its name, its version, and the entries of lilota's groups."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from lilota.errors import InvalidTaskError
from lilota.plugins.records import KINDS, TASKS, Entry, PinnedEntry, normalized
from lilota.tasks.names import check_name
from lilota.texts.patterns import Pattern

_ENTRY_POINTS: Final = "entry_points.txt"
_OF_LILOTA: Final = Pattern(r"^\s*\[\s*lilota", re.IGNORECASE | re.MULTILINE)
_NAME: Final = Pattern(r"[A-Z0-9](?:[A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)
_FIELD: Final = Pattern(r"^(name|version):[ \t]*(.*?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
#: What stands where a decoded text has a byte that is not UTF-8.
_NO_UTF8: Final = "\N{REPLACEMENT CHARACTER}"
#: How alike two groups are of which one is the other, misspelt; a plugin may have groups of its own.
_ALIKE: Final = 0.85
_LONGEST_SHOWN: Final = 60
#: The longest files of metadata are some hundred kilobytes.
_LONGEST_FILE_BYTES: Final = 16 * 2**20


class Source(Protocol):
    """Where the metadata of one distribution is: a distribution of importlib_metadata, or what has as much of one."""

    @property
    def name(self) -> str: ...

    def read_text(self, filename: str, /) -> str | None: ...


class Metadata:
    """The metadata of one distribution; each of its files is read at most once.

    Attributes:
        folder: where it is, "" if that is not a folder.
        is_unreadable: whether there is an `entry_points.txt` that can't be read.
        mentions_lilota: whether `entry_points.txt` has a group of lilota, perhaps a misspelt one.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        # What importlib_metadata itself finds has one; what other finders give may have none.
        path = str(getattr(source, "_path", ""))
        self.folder: str = path and os.path.abspath(path)
        text = self._read(_ENTRY_POINTS)
        self.is_unreadable: bool = text is None and bool(self.folder) and _is_there(self._file(_ENTRY_POINTS))
        self._entry_points = text or ""
        self.mentions_lilota: bool = _OF_LILOTA.compiled.search(self._entry_points) is not None

    @cached_property
    def place(self) -> str:
        """Where it is, for people."""
        return self.folder or repr(self._source)

    @cached_property
    def folder_name(self) -> str:
        """What the folder is called, without its suffix: the name and mostly the version; "" if there is none."""
        head, tail = os.path.split(self.folder)
        # In an unpacked or zipped egg, the folder around it has the name.
        return os.path.splitext(os.path.basename(head) if tail.upper() == "EGG-INFO" else tail)[0]

    @cached_property
    def key(self) -> str:
        """The name by which distributions are looked for on the path: that of the folder, because it is cheap."""
        return normalized(self.folder_name.partition("-")[0] or self._source.name)

    @cached_property
    def name(self) -> str:
        """What the distribution is called, in its own spelling if that can be read."""
        return self._head.name or self.key

    @cached_property
    def version(self) -> str:
        return self._head.version or self.folder_name.partition("-")[2] or "?"

    @property
    def has_headers(self) -> bool:
        """Whether there is a METADATA, or what stood in its place before, that can be read."""
        return self._headers[1] is not None

    def entries(self) -> list[Entry]:
        """Return the entries of lilota's groups; what is broken stands among them as failed, one and all."""
        lines = list(self._lines())
        problem = self._head.problem or self._problem_of(lines)
        return list({(line.group, line.name): self._entry(line, problem) for line in lines}.values())

    def _problem_of(self, lines: list[_Line]) -> str:
        """Say why the file can't be used, or ""."""
        values = dict[tuple[str, str], str]()
        for line in lines:
            if line.problem:
                return line.problem
            if values.setdefault((line.group, line.name), line.value) != line.value:
                return f"{self._file(_ENTRY_POINTS)} has {line.name!r} twice in {line.group!r}"
        return f"{self._file(_ENTRY_POINTS)} is not UTF-8" if _NO_UTF8 in self._entry_points else ""

    def _entry(self, line: _Line, problem: str) -> Entry:
        pinned = PinnedEntry(
            group=line.group,
            name=line.name,
            value=line.value,
            distribution=self.name,
            version=self.version,
            folder=self.folder,
        )
        entry = Entry(pinned=pinned)
        if wrong := problem or line.remark:
            entry.fail(wrong)
            entry.is_broken = True
        return entry

    def _lines(self) -> Iterator[_Line]:
        """Give the lines of lilota's groups. How others write theirs is not our business."""
        group, remark = "", ""
        for number, text in enumerate(map(str.strip, self._entry_points.splitlines()), 1):
            if text.startswith("[") and text.endswith("]"):
                group, remark = self._judge_group(text[1:-1].strip())
            elif group and text and not text.startswith(("#", ";")):
                name, separator, value = (part.strip() for part in text.partition("="))
                if separator and name and value:
                    yield _Line(group, name, value, remark=remark or _remark_on(group, name))
                else:
                    problem = f"line {number} of {self._file(_ENTRY_POINTS)} is not 'name = module:object'"
                    yield _Line(group, text[:_LONGEST_SHOWN], "", problem=problem)

    def _judge_group(self, group: str) -> tuple[str, str]:
        """Return the group of lilota that is meant, "" if none is, and what is to be said of the spelling."""
        if group in KINDS or not group.lower().startswith("lilota"):
            return (group if group in KINDS else ""), ""
        import difflib  # noqa: PLC0415 - only who finds a mistake needs it

        near = difflib.get_close_matches(group.lower(), KINDS, n=1, cutoff=_ALIKE)
        if not near:
            return "", ""
        return near[0], f"lilota knows no group {group!r}. Did you mean {near[0]!r}? See {self._file(_ENTRY_POINTS)}"

    @cached_property
    def _head(self) -> _Head:
        """What the headers say. The rest, however long and in whichever encoding, is not looked at."""
        file, text = self._headers
        if text is None:
            return _Head(problem=f"{self.place} has no METADATA that can be read")
        if _NO_UTF8 in text:
            return _Head(problem=f"{file} is not UTF-8")
        found = {
            name.lower(): value for name, value in reversed(_FIELD.compiled.findall(text))
        }  # the first of each counts
        name, version = found.get("name", ""), found.get("version", "")
        if not _NAME.compiled.fullmatch(name):
            return _Head(problem=f"{file} has no name of a package, but {name[:_LONGEST_SHOWN]!r}")
        if not version.isprintable() or not version:
            return _Head(name, problem=f"{file} has no version")
        if self.folder_name and not self._fits_folder(normalized(name), normalized(version)):
            return _Head(problem=f"{file} is of another package, {name!r}")
        return _Head(name, version)

    def _fits_folder(self, name: str, version: str) -> bool:
        """Tell whether the folder has this name, so that nobody passes for another package.

        Old tools left dashes in it: "my-tasks-1.0-py3.11.egg-info".
        """
        folder = normalized(self.folder_name)
        return name in {self.key, folder} or (version[0].isdigit() and f"{folder}-".startswith(f"{name}-{version}-"))

    @cached_property
    def _headers(self) -> tuple[str, str | None]:
        """The file with the headers, and their text."""
        for name in ("METADATA", "PKG-INFO"):
            if text := self._read(name):
                return self._file(name), re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
        return "", None

    def _read(self, name: str) -> str | None:
        if self.folder and not _can_be_read_whole(self._file(name)):
            return None
        try:
            return self._source.read_text(name)
        except UnicodeDecodeError as error:
            return error.object.decode(errors="replace")
        except OSError:  # importlib_metadata passes over some of them: no file, no permission, a folder
            return None

    def _file(self, name: str) -> str:
        return os.path.join(self.folder, name) if self.folder else f"{name} of {self.place}"


class _Head(NamedTuple):
    name: str = ""
    version: str = ""
    problem: str = ""


class _Line(NamedTuple):
    """A line of `entry_points.txt`.

    Attributes:
        problem: why the file can't be used.
        remark: why this entry can't be used.
    """

    group: str
    name: str
    value: str
    problem: str = ""
    remark: str = ""


def _remark_on(group: str, name: str) -> str:
    """Say why an entry can't have its name, or ""."""
    try:
        if group == TASKS:
            check_name(name)
    except InvalidTaskError as error:
        return str(error).rstrip(".")
    return ""


def _can_be_read_whole(file: str) -> bool:
    """Tell whether reading a file comes to an end soon: a pipe or a device may never, nor may a file without limits."""
    try:
        status = os.stat(file)
    except OSError:  # it is not there, or in an archive
        return True
    return stat.S_ISREG(status.st_mode) and status.st_size <= _LONGEST_FILE_BYTES


def _is_there(file: str) -> bool:
    """Tell whether there is something of that name, even if only its folder says so."""
    try:
        os.lstat(file)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # the folder can't be entered
        return True
    return True
