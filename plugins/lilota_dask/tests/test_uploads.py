"""Files of Python code that a runner brings to its nodes: read here, placed there, and gone afterwards."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import stat
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from lilota_dask.uploads import Program, Upload, placed, read_program, read_uploads
from msgspec.json import decode, encode

from lilota.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The temporary folder of the node."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def uploads(tmp_path):
    """A module, as it has come to the node."""
    path = tmp_path / "uploaded_jobs.py"
    path.write_text("ANSWER = 42\n")
    uploads = decode(encode(read_uploads([str(path)])), type=tuple[Upload, ...])
    path.unlink()
    yield uploads
    sys.modules.pop("uploaded_jobs", None)


def program_of(path):
    """Return the program of a runner whose script is this, with a task in it."""
    main = ModuleType("__main__")
    main.__file__ = str(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "__main__", main)
        return read_program(["jobs:Job", "__main__:Job"])


def test_a_module_can_be_imported_as_long_as_it_is_placed(folder, uploads):
    """Before all others; and nobody else can look into its folder. Afterwards all is as before."""
    before = list(sys.path)

    with placed(uploads, None) as script_path:
        module = importlib.import_module("uploaded_jobs")
        (place,) = folder.iterdir()
        mode = stat.S_IMODE(place.stat().st_mode)

    assert script_path is None
    assert module.ANSWER == 42
    assert module.__file__ == str(place / "uploaded_jobs.py")
    assert mode == 0o700
    assert list(folder.iterdir()) == []
    assert sys.path == before


def test_modules_can_be_placed_within_another_folder(folder, uploads, tmp_path):
    """Such as that of a Dask worker, which Dask cleans even after a SIGKILL."""
    other = tmp_path / "other"
    other.mkdir()

    with placed(uploads, None, within=str(other)):
        assert list(other.glob("*/uploaded_jobs.py"))
        assert list(folder.iterdir()) == []

    assert list(other.iterdir()) == []


def test_a_folder_that_a_cleaner_has_removed_is_no_error(folder, uploads):
    with placed(uploads, None):
        (place,) = folder.iterdir()
        (place / "uploaded_jobs.py").unlink()
        place.rmdir()


def test_without_anything_to_bring_no_folder_is_needed(folder):
    folder.rmdir()

    with placed((), Program(module="jobs.run")) as script_path:
        assert script_path is None


def test_the_script_of_a_runner_is_placed_where_no_import_finds_it(folder, tmp_path):
    """A script may be called as a module of others is."""
    path = tmp_path / "json.py"
    path.write_text("print('hello')\n")
    program = program_of(path)
    path.unlink()
    before = list(sys.path)

    with placed((), program) as script_path:
        assert script_path.startswith(str(folder))
        assert os.path.basename(script_path) == "json.py"
        assert Path(script_path).read_text() == "print('hello')\n"
        assert sys.path == before


def test_a_script_that_the_node_has_is_used_where_it_is(folder, tmp_path):
    """Runner and node share a folder, or a machine."""
    path = tmp_path / "script.py"
    path.write_text("print('hello')\n")

    with placed((), program_of(path)) as script_path:
        assert script_path == str(path)
        assert list(folder.iterdir()) == []


def test_a_script_that_is_another_on_the_node_is_not_used(folder, tmp_path):
    path = tmp_path / "script.py"
    path.write_text("print('new')\n")
    program = program_of(path)
    path.write_text("print('old')\n")

    with placed((), program) as script_path:
        assert Path(script_path).read_text() == "print('new')\n"


def test_a_program_without_tasks_stays_where_it_is():
    assert read_program(["jobs:Job"]) is None


def test_a_program_that_is_a_module_is_told_by_its_name(monkeypatch):
    """It was started by `python -m jobs.run`."""
    main = ModuleType("__main__")
    main.__spec__ = importlib.machinery.ModuleSpec("jobs.run", None)
    monkeypatch.setitem(sys.modules, "__main__", main)

    assert read_program(["__main__:Job"]) == Program(module="jobs.run")


@pytest.mark.parametrize("path", [None, "<stdin>", "<string>"])
def test_tasks_of_a_program_without_a_file_are_refused(path, monkeypatch):
    main = ModuleType("__main__")
    if path is not None:
        main.__file__ = path
    monkeypatch.setitem(sys.modules, "__main__", main)

    with pytest.raises(ConfigurationError, match=r"notebook, .* can't run on a Dask cluster, .* move them to a module"):
        read_program(["__main__:Job"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.py", r"missing\.py' can't be brought to the nodes: No such file or directory\."),
        ("jobs.zip", "is no single module, as jobs.py is: install a package"),
        ("my-jobs.py", "is no single module, as jobs.py is"),
        ("folder.py", "is no single module, as jobs.py is"),
        ("random.py", "would hide another module 'random': rename it"),
        ("distributed.py", "would hide another module 'distributed': rename it"),
        ("large.py", "is longer than 10 MiB: install it on the nodes"),
    ],
)
def test_what_can_be_no_module_there_is_refused(name, said, tmp_path):
    (tmp_path / "folder.py").mkdir()
    for file in ("jobs.zip", "my-jobs.py", "random.py", "distributed.py"):
        (tmp_path / file).touch()
    with open(tmp_path / "large.py", "wb") as file:
        file.truncate(10 * 2**20 + 1)

    with pytest.raises(ConfigurationError, match=said):
        read_uploads([str(tmp_path / name)])


def test_a_file_of_just_the_limit_can_be_brought(tmp_path):
    with open(tmp_path / "large.py", "wb") as file:
        file.truncate(10 * 2**20)

    assert len(read_uploads([str(tmp_path / "large.py")])[0].source) == 10 * 2**20


def test_a_folder_that_can_not_be_written_is_said_with_the_remedy(uploads, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc")

    with (
        pytest.raises(ConfigurationError, match=r"^No files can be brought to '/proc': .*\. Free space there"),
        placed(uploads, None),
    ):
        pytest.fail("it was placed")


def test_nothing_is_left_in_a_folder_that_was_full(folder, uploads):
    """A limit of the size of files stands for a full disk: the write fails, and the folder was made."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(ConfigurationError, match="File too large"), placed(uploads, None):
            pytest.fail("it was placed")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)

    assert list(folder.iterdir()) == []
