"""What a node is asked for, and the sentences about what differs there."""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
from pathlib import Path

import pytest
from lilota_dask.comparison import differences, remarks
from lilota_dask.environment import Environment, here
from msgspec.json import decode, encode
from msgspec.structs import replace

import lilota

NODE = "tcp://10.0.0.7:4001"


@pytest.fixture
def environment():
    """That of a runner which needs a module, and a package."""
    return replace(here((), ()), packages={"shop-tasks": "1.2"}, modules={"jobs": "/srv/shop/jobs.py"})


def said(environment, **there):
    return differences(environment, replace(environment, **there), NODE, {"jobs": "the tasks 'a', 'b'"})


def test_a_process_says_what_it_has():
    """It passes through JSON, as a node answers; the version of this package is always among those of packages."""
    found = here(["pytest", "no-such-package"], ["lilota.client", "no_such_module"])

    assert decode(encode(found), type=Environment) == found
    assert found.python.startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert found.lilota == lilota.__version__
    assert found.packages == {
        "lilota-dask": lilota.__version__,
        "pytest": importlib.metadata.version("pytest"),
        "no-such-package": "",
    }
    assert found.modules == {"lilota.client": str(Path(lilota.__file__).parent / "client.py"), "no_such_module": ""}
    assert found.folder_problem == ""


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("some_jobs", "some_jobs/__init__.py"),
        ("some_jobs.video", "some_jobs/video.py"),
        ("some_jobs.audio", ""),
        ("some_folder", "some_folder"),
        ("some_folder.jobs", "some_folder/jobs.py"),
        ("some_folder.deeper", "some_folder/deeper"),
        ("some_folder.deeper.jobs", "some_folder/deeper/jobs.py"),
        ("some_folder.deeper.others", ""),
        ("some_folder.nothing.jobs", ""),
    ],
)
def test_a_module_is_found_without_anything_being_imported(name, place, tmp_path, monkeypatch):
    """Packages and folders without `__init__.py`; what is in a package may be expensive, or print."""
    for file in ("some_jobs/__init__.py", "some_jobs/video.py", "some_folder/jobs.py", "some_folder/deeper/jobs.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)

    assert here((), [name]).modules[name] == (str(tmp_path / place) if place else "")
    assert not [module for module in sys.modules if module.startswith("some_")]


def test_a_finder_that_raises_does_not_keep_others_from_finding(monkeypatch):
    class Broken:
        def find_spec(self, *_arguments):
            raise RuntimeError("broken")

    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])

    assert here((), ["json"]).modules["json"]


def test_the_user_is_that_of_the_process_and_not_of_who_started_it(monkeypatch):
    monkeypatch.setenv("USER", "somebody")
    monkeypatch.setenv("LOGNAME", "somebody")

    assert here((), ()).user != "somebody"


def test_a_temporary_folder_that_takes_no_files_is_noticed(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc")

    found = here((), ())

    assert found.folder == "/proc"
    assert found.folder_problem


def test_nothing_is_said_of_a_node_that_has_all(environment):
    """Another micro version of Python is nothing, nor is another version of Dask within a year."""
    micro = ".".join([*environment.python.split(".")[:2], "99"])
    year = environment.distributed.partition(".")[0]

    assert said(environment, python=micro, distributed=f"{year}.99.9", user="nobody", host="b") == []


@pytest.mark.parametrize(
    ("there", "sentence"),
    [
        ({"python": "3.9.1"}, f"and 3.9.1 on {NODE}: start that with Python "),
        (
            {"lilota": "1.9.1"},
            f"lilota is {lilota.__version__} here and 1.9.1 on {NODE}: install the same version there.",
        ),
        (
            {"packages": {"shop-tasks": "1.3"}},
            f"shop-tasks is 1.2 here and 1.3 on {NODE}: install the same version there.",
        ),
        ({"packages": {}}, f"shop-tasks is 1.2 here and not installed on {NODE}: install the same version there."),
        ({"distributed": "2019.1.0"}, f"and 2019.1.0 on {NODE}, and Dask does not work across years: install"),
        (
            {"modules": {"jobs": ""}},
            f"needed by the tasks 'a', 'b'; it is '/srv/shop/jobs.py' here and can't be found on {NODE}: install",
        ),
        ({"modules": {}}, "on the PYTHONPATH of the Dask worker, or try `--upload-modules /srv/shop/jobs.py`."),
        ({"modules": {"jobs": ""}, "user": "nobody"}, f"can't be found on {NODE}, which runs as nobody: install"),
    ],
)
def test_what_differs_is_one_sentence_with_the_remedy(environment, there, sentence):
    (said_of_it,) = said(environment, **there)

    assert sentence in said_of_it


def test_each_difference_is_said(environment):
    assert len(said(environment, lilota="1.9.1", packages={}, modules={})) == 3


def test_a_package_is_no_single_file_to_upload(environment):
    (sentence,) = said(replace(environment, modules={"jobs": "/srv/jobs/__init__.py"}), modules={})

    assert "--upload-modules" not in sentence


def test_a_module_that_the_runner_does_not_find_either_is_no_difference(environment):
    """Its runner says so by itself."""
    assert said(replace(environment, modules={"jobs": ""})) == []


@pytest.mark.parametrize(("ahead", "word"), [(3600, "ahead of"), (-3600, "behind")])
def test_another_clock_is_remarked_with_what_it_means(environment, ahead, word):
    node = replace(environment, clock=1000.0 + ahead)

    (remark,) = remarks(environment, node, NODE, asked_at=999, answered_at=1001)

    assert f"The clock of {NODE} is 3600 s {word} the one here" in remark
    assert "nothing else is" in remark


def test_a_clock_is_not_blamed_for_an_answer_that_took_long(environment):
    """The node may have looked at its clock at any time in between."""
    node = replace(environment, clock=1000.0)

    assert remarks(environment, node, NODE, asked_at=970, answered_at=1000) == []


def test_a_read_only_temporary_folder_is_remarked(environment):
    """It is no difference: what tasks print is kept elsewhere, and few tasks need it."""
    node = replace(environment, folder="/tmp", folder_problem="Read-only file system", clock=1000.0)

    (remark,) = remarks(environment, node, NODE, asked_at=1000, answered_at=1000)

    assert f"The temporary folder '/tmp' of {NODE} can't be written: Read-only file system." in remark
    assert said(environment, folder_problem="Read-only file system") == []
