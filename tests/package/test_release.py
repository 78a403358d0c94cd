"""The built distributions: what is in them, and what pip makes of them on a machine that has nothing else.

`nox -s package` builds the distributions and says in LILOTA_DIST where they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.skipif("LILOTA_DIST" not in os.environ, reason="nox -s package builds what is tested here"),
    # pip builds, and fetches from an index, as slowly as that and the machine are.
    pytest.mark.timeout(600),
]

ROOT = Path(__file__).resolve().parent.parent.parent
DIST = Path(os.environ.get("LILOTA_DIST", ROOT / "dist"))
NAMES = ["lilota", *sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))]
STORES = ["lilota-memory-store", "lilota-sqlite-store"]
LOAD_ALL_ENTRY_POINTS = """
from importlib.metadata import distributions
for distribution in distributions():
    if distribution.name.startswith("lilota"):
        for entry in distribution.entry_points:
            if entry.group != "pytest11":  # needs pytest, which who runs tasks does not have
                print(entry.group, entry.name, entry.load())
"""


def wheel(name: str) -> Path:
    (path,) = DIST.glob(f"{name}-*.whl")
    return path


def sdist_files(name: str) -> set[str]:
    """List what is in an sdist, without the folder that all of it is in."""
    (path,) = DIST.glob(f"{name}-*.tar.gz")
    with tarfile.open(path) as archive:
        return {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}


def wheel_files(name: str) -> set[str]:
    with zipfile.ZipFile(wheel(name)) as archive:
        return set(archive.namelist())


def wheel_metadata(name: str) -> str:
    with zipfile.ZipFile(wheel(name)) as archive:
        (path,) = [item for item in archive.namelist() if item.endswith(".dist-info/METADATA")]
        return archive.read(path).decode()


def sdist_metadata(name: str) -> str:
    (path,) = DIST.glob(f"{name}-*.tar.gz")
    with tarfile.open(path) as archive:
        member = archive.extractfile(f"{path.name.removesuffix('.tar.gz')}/PKG-INFO")
        assert member is not None
        return member.read().decode()


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


class Environment:
    """An empty virtual environment with pip."""

    def __init__(self, folder: Path) -> None:
        self.python = folder / "bin" / "python"
        made = run(sys.executable, "-m", "venv", folder)
        assert made.returncode == 0, made.stderr

    def pip(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return run(self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments)

    def versions(self) -> dict[str, str]:
        """Return what is installed: name -> version."""
        lines = self.pip("list", "--format=freeze").stdout.splitlines()
        return {name: version for name, _, version in (line.partition("==") for line in lines)}


@pytest.fixture
def environment(tmp_path) -> Environment:
    return Environment(tmp_path / "environment")


@pytest.fixture
def checkout(tmp_path) -> Path:
    """Make what a fresh clone of the working tree would be."""
    listing = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            target = tmp_path / "checkout" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    return tmp_path / "checkout"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("read", [wheel_metadata, sdist_metadata])
def test_metadata_of_a_release_names_no_path(read, name):
    """The paths by which a checkout finds its stores never reach a release."""
    assert "file://" not in read(name)
    assert str(ROOT) not in read(name)


def test_a_release_names_its_stores_as_ordinary_dependencies():
    """`pip install lilota` from an index brings the embedded stores, in the versions that fit."""
    requirements = HeaderParser().parsestr(wheel_metadata("lilota")).get_all("Requires-Dist", [])

    for store in STORES:
        (found,) = [item for item in requirements if item.startswith(store)]
        assert sorted(found.removeprefix(store).strip("() ").split(",")) == ["<3", ">=2.0.0.dev0"]


def test_the_core_sdist_holds_the_core_alone():
    """Plugins are distributions of their own; were they inside, the path to them would come back."""
    files = sdist_files("lilota")

    assert {"LICENSE", "README.md", "pyproject.toml", "setup.py", "lilota/__init__.py", "lilota/py.typed"} <= files
    assert not [name for name in files if name.startswith(("plugins/", "tests/", "docs/"))]


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_holds_every_file_of_its_package(name):
    """A module, an SQL file or a py.typed that is in the checkout is in the wheel, byte for byte, and nothing more."""
    package = (ROOT if name == "lilota" else ROOT / "plugins" / name) / name
    files = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    expected = {str(path.relative_to(package.parent)): path.read_bytes() for path in files}
    with zipfile.ZipFile(wheel(name)) as archive:
        shipped = {item: archive.read(item) for item in archive.namelist() if ".dist-info/" not in item}
    assert sorted(shipped) == sorted(expected)
    assert shipped == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_wheel_names_its_licence_and_says_that_it_is_typed(name):
    """Whoever takes a wheel alone knows the terms and can use the types."""
    assert f"{name}/py.typed" in wheel_files(name)
    assert "License-Expression: MIT" in wheel_metadata(name)


def test_pip_install_of_a_checkout_brings_the_stores(environment, checkout):
    """`pip install .` needs no second command, although no index has the stores."""
    installed = environment.pip("install", checkout)

    assert installed.returncode == 0, installed.stderr
    assert {"lilota", *STORES} <= environment.versions().keys()
    assert environment.pip("check").returncode == 0
    assert run(environment.python.with_name("lilota"), "--help").returncode == 0


def test_pip_resolves_a_release_and_its_entry_points_load(environment):
    """From the built distributions, one name is enough; what they promise by entry point is there."""
    installed = environment.pip("install", "--find-links", DIST, "lilota-example-tasks>=2.0.0.dev0")

    assert installed.returncode == 0, installed.stderr
    assert {"lilota", "lilota-example-tasks", *STORES} <= environment.versions().keys()
    assert environment.pip("check").returncode == 0
    loaded = run(environment.python, "-c", LOAD_ALL_ENTRY_POINTS)
    assert loaded.returncode == 0, loaded.stderr
    assert "lilota.stores memory" in loaded.stdout


@pytest.mark.parametrize("name", [name for name in NAMES if name != "lilota"])
def test_a_plugin_without_the_core_is_refused(environment, name):
    """The index's unrelated `lilota` 1.x never takes the place of a forgotten core."""
    installed = environment.pip("install", wheel(name))

    assert installed.returncode != 0
    assert "lilota<3,>=2.0.0.dev0" in installed.stderr
    assert "lilota" not in environment.versions()


def test_the_demo_command_of_the_readme_works_on_a_fresh_clone(checkout, tmp_path):
    """`python3 dev.py demo` sets itself up and ends well; a second time it starts at once."""
    arguments = [sys.executable, checkout / "dev.py", "demo", "--folder", tmp_path / "demo"]

    first, second = run(*arguments), run(*arguments)
    assert first.returncode == 0, first.stdout + first.stderr
    assert second.returncode == 0, second.stdout + second.stderr
    assert "making .venv" in first.stdout
    assert "making .venv" not in second.stdout
