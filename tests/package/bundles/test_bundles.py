"""A program that uses lilota, packed into one file or folder by the tools that do so, runs its tasks.

`nox -s bundles` installs the tools, and says in LILOTA_DIST where the built distributions are.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest
from running import until

DIST = Path(os.environ.get("LILOTA_DIST", "dist"))
#: What uv has kept of an earlier build, of the same version, is not what is tested.
FRESH = [f"--refresh-package={wheel.name.partition('-')[0]}" for wheel in DIST.glob("lilota*.whl")]
pytestmark = [
    pytest.mark.skipif("LILOTA_DIST" not in os.environ, reason="nox -s bundles builds what is tested here"),
    pytest.mark.timeout(900),
]

TASKS = """
from lilota import TaskBase

class Shout(TaskBase):
    def run(self):
        return {"text": self.task_info.input["text"].upper()}
"""
PROGRAM = """
import multiprocessing
import os

from lilota import TaskBase, TaskRunner
from shop_tasks import Shout


class Whisper(TaskBase):
    def run(self):
        return {"text": self.task_info.input["text"].lower()}


def main():
    runner = TaskRunner(number_of_processes=1)
    runner.register("shout", Shout)
    runner.register("whisper", Whisper)
    with runner:
        for name in ("shout", "whisper"):
            print(runner.add(name, input={"text": "Hello"}).result(60)["text"])


if __name__ == "__main__":
    if "FORGETFUL" not in os.environ:
        multiprocessing.freeze_support()
    main()
"""
PROJECT = """
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "shop"
version = "1.0"
dependencies = ["lilota>=2.0.0.dev0,<3"]

[project.scripts]
shop = "shop:main"

[tool.setuptools]
py-modules = ["shop", "shop_tasks"]
"""


@pytest.fixture
def shop(tmp_path):
    """The project of an application, with a task in a module of its own and one in that of its program."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in {"shop_tasks.py": TASKS, "shop.py": PROGRAM, "pyproject.toml": PROJECT}.items():
        (folder / name).write_text(text)
    return folder


class Tools:
    """Runs tools and programs, none of which outlives its test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.variables = {
            "PIP_FIND_LINKS": str(DIST),
            "UV_FIND_LINKS": str(DIST),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_TOOL_DIR": str(folder / "uv" / "tools"),
            "UV_TOOL_BIN_DIR": str(folder / "uv" / "bin"),
            "PIPX_HOME": str(folder / "pipx"),
            "PIPX_BIN_DIR": str(folder / "pipx" / "bin"),
            "PIPX_DEFAULT_PYTHON": sys.executable,
            "PEX_ROOT": str(folder / "pex"),
            "SHIV_ROOT": str(folder / "shiv"),
        }

    def run(self, *command: object, expected: int = 0, **variables: str) -> str:
        """Run something to its end, and return what it printed; nothing that it started may be left."""
        process = subprocess.Popen(
            [*map(str, command)],
            cwd=self._folder,
            env=os.environ | self.variables | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            printed, _ = process.communicate(timeout=600)
            until(self._left, lambda left: not left)  # what helps a program ends a moment after it
        finally:
            process.kill()
            self.end_left()
        assert process.returncode == expected, printed
        return printed

    def end_left(self) -> None:
        """End all that runs from the folder of the test: a program that starts itself again must not go on."""
        for pid in self._left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _left(self) -> dict[int, str]:
        left = {}
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                if str(self._folder) in command and int(entry.name) != os.getpid():
                    left[int(entry.name)] = command
        return left


@pytest.fixture
def tools(tmp_path):
    """What runs the tools, in the folder of the test."""
    tools = Tools(tmp_path)
    yield tools
    tools.end_left()


def needs(name):
    """Return the mark of a test that needs a tool, as a module or as a command."""
    there = importlib.util.find_spec(name) is not None or shutil.which(name) is not None
    return pytest.mark.skipif(not there, reason=f"{name} is not installed here; nox -s bundles installs it")


def runs_its_tasks(tools, *command, methods=("forkserver", "spawn"), **variables):
    """Make sure that a program does what it should, with both stores and the ways of starting workers that it has."""
    for store, method in zip(("memory", "sqlite:///shop.db"), methods * 2, strict=False):
        printed = tools.run(*command, LILOTA_STORE=store, LILOTA_START_METHOD=method, **variables)
        assert printed == "HELLO\nhello\n"


@needs("PyInstaller")
def test_pyinstaller_needs_no_options(tools, tmp_path, shop):
    """A hook of lilota's bundles what no import shows; a program that forgets `freeze_support()` ends, and says so."""
    build = ("--noconfirm", "--log-level=ERROR", f"--distpath={tmp_path}/dist", f"--workpath={tmp_path}/work")
    tools.run(sys.executable, "-m", "PyInstaller", *build, f"--specpath={tmp_path}/spec", shop / "shop.py")
    program = tmp_path / "dist" / "shop" / "shop"

    runs_its_tasks(tools, program, methods=("spawn",))
    assert "Choose one of: spawn" in tools.run(program, expected=1, LILOTA_START_METHOD="forkserver")
    forgetful = tools.run(program, expected=1, FORGETFUL="yes")
    assert "Call multiprocessing.freeze_support() first of all" in forgetful
    assert "No worker process could start" in forgetful


@needs("shiv")
def test_shiv_makes_a_program_of_a_project(tools, tmp_path, shop):
    """It unpacks itself when it runs, so all is as installed."""
    program = tmp_path / "shop.pyz"
    tools.run(sys.executable, "-m", "shiv", "-q", "-c", "shop", "-o", program, shop)

    runs_its_tasks(tools, sys.executable, program)


@needs("pex")
def test_pex_makes_a_program_of_a_project(tools, tmp_path, shop):
    """It unpacks itself too."""
    program = tmp_path / "shop.pex"
    tools.run(
        sys.executable, "-m", "pex", "--find-links", DIST, "--python", sys.executable, "-c", "shop", "-o", program, shop
    )

    runs_its_tasks(tools, sys.executable, program)


@needs("uv")
def test_a_zipapp_runs_with_its_c_extensions_outside(tools, tmp_path, shop):
    """Python imports none from an archive: msgspec lies in a folder beside it. Plugins are found inside."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    install = ("uv", "pip", "install", "-q", "--python", sys.executable, *FRESH)
    tools.run(*install, "--target", inside, shop)
    tools.run(*install, "--target", outside, "msgspec")
    for path in inside.glob("msgspec*"):
        shutil.rmtree(path)
    zipapp.create_archive(inside, tmp_path / "shop.pyz", main="shop:main")

    runs_its_tasks(tools, sys.executable, "-S", tmp_path / "shop.pyz", PYTHONPATH=str(outside))


def can_run_tasks(tools, *lilota):
    """Make sure that a command has the plugin that was put beside it, and can start workers."""
    assert "add_two_numbers" in tools.run(*lilota, "plugins")
    assert "Workers are started by forkserver" in tools.run(*lilota, "doctor")


@needs("pipx")
def test_pipx_injects_a_plugin(tools, tmp_path):
    """`pipx inject` puts it into the environment of the command."""
    pipx = (sys.executable, "-m", "pipx")
    tools.run(*pipx, "install", "--backend", "pip", "lilota>=2.0.0.dev0,<3")
    tools.run(*pipx, "inject", "lilota", "lilota-example-tasks>=2.0.0.dev0")

    can_run_tasks(tools, tmp_path / "pipx" / "bin" / "lilota")


@needs("uv")
def test_uv_runs_the_command_with_a_plugin(tools, tmp_path):
    """For once by `uvx --with`, and for good by `uv tool install --with`."""
    beside = ("-q", "--python", sys.executable, *FRESH, "--with", "lilota-example-tasks>=2.0.0.dev0")
    tools.run("uv", "tool", "install", *beside, "lilota>=2.0.0.dev0,<3")

    can_run_tasks(tools, tmp_path / "uv" / "bin" / "lilota")
    can_run_tasks(tools, "uvx", *beside, "--from", "lilota>=2.0.0.dev0,<3", "lilota")
