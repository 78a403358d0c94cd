"""Each example application starts by the command of its README in a new environment, works, and ends by Ctrl-C.

`nox -s package` builds the distributions and says in LILOTA_DIST where they are.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from visiting import Visitor, free_port

ROOT = Path(__file__).resolve().parents[2]
DIST = Path(os.environ.get("LILOTA_DIST", ROOT / "dist"))
PHOTO = ROOT / "docs" / "images" / "examples" / "flask-phone.png"
COMMAND = re.compile(r"^\$ pip (install -r requirements\.txt) && (python .+)$", re.MULTILINE)
#: A line of requirements that names a distribution by its folder in the checkout.
FOLDER = re.compile(r"^\.\./.*$", re.MULTILINE)
#: Whoever has tried an example in the checkout has left these.
LEFT_BEHIND = shutil.ignore_patterns("__pycache__", "*.db*", "*.files")
WAIT_SECONDS = 120

pytestmark = [
    pytest.mark.skipif("LILOTA_DIST" not in os.environ, reason="nox -s package builds what is tested here"),
    # What is installed comes from an index, as slowly as that and the machine are.
    pytest.mark.timeout(900),
]


def run(*command, **options):
    return subprocess.run(
        [*map(str, command)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, **options
    )


def until(look, what):
    """Look until there is what is looked for, and return it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (seen := look()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return seen


def wheel(folder):
    """Return the built wheel of a distribution: `../..` is the core, all others are called as their folder."""
    name = "lilota" if folder == "../.." else Path(folder).name
    (path,) = DIST.glob(f"{name}-*.whl")
    return str(path)


class Example:
    """A copy of an example's folder, and a virtual environment for it."""

    def __init__(self, name, folder):
        self.folder, self.environment, self.output = folder / name, folder / "environment", folder / "output"
        shutil.copytree(ROOT / "examples" / name, self.folder, ignore=LEFT_BEHIND)
        ((self.install_command, self.start_command),) = COMMAND.findall((self.folder / "README.md").read_text())
        foreign = ("LILOTA_", "PYTHON", "DJANGO_")
        self.variables = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        self.variables["PATH"] = f"{self.environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.variables |= {"VIRTUAL_ENV": str(self.environment), "PYTHONUNBUFFERED": "1"}

    def install(self):
        """Follow the first part of the command, but with lilota's distributions as they are built."""
        requirements = self.folder / "requirements.txt"
        requirements.write_text(FOLDER.sub(lambda line: wheel(line[0]), requirements.read_text()))
        if shutil.which("uv"):  # as pip does it, but much quicker
            making, pip = ("uv", "venv", "--python", sys.executable), ("uv", "pip")
            # What uv has kept of an earlier build, of the same version, is not what is tested.
            pip_options = [f"--refresh-package={path.name.partition('-')[0]}" for path in DIST.glob("lilota*.whl")]
            # Else UV_PYTHON, which nox sets, leads it into the environment of these tests.
            pip_options.append(f"--python={self.environment}")
        else:
            making, pip, pip_options = (sys.executable, "-m", "venv"), ("python", "-m", "pip"), []
        installing = (*pip, *shlex.split(self.install_command), "--find-links", DIST, *pip_options)
        for command in ((*making, self.environment), installing):
            done = run(*command, cwd=self.folder, env=self.variables)
            assert done.returncode == 0, done.stderr

    @contextmanager
    def started(self, **variables):
        """Follow the second part of the command in a terminal of its own, as it were."""
        with self.output.open("wb") as output:
            process = subprocess.Popen(
                shlex.split(self.start_command),
                cwd=self.folder,
                env=self.variables | variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            for pid in self.processes():
                with suppress(ProcessLookupError):  # it has just ended
                    os.kill(pid, signal.SIGKILL)
            process.wait()

    def processes(self):
        """Return the ids of the processes that run in the environment."""
        mark = f"VIRTUAL_ENV={self.environment}\0".encode()
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if mark in _read(path)]


def _read(path):
    try:
        return path.read_bytes()
    except OSError:  # it has just ended, or is somebody else's
        return b""


def order_thumbnails(visitor):
    visitor.post("thumbnails", photos=PHOTO)


def sign_up_and_order_thumbnails(visitor):
    words = "harbour-lights"
    sign_up = "accounts/sign-up/"
    visitor.post(sign_up, form_at=sign_up, username="ann", password1=words, password2=words)
    visitor.post("thumbnails/", photos=PHOTO)


def order_a_report(visitor):
    visitor.post("", pages="1")


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc for processes that are left")
@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("fastapi_photos", order_thumbnails),
        ("django_photos", sign_up_and_order_thumbnails),
        ("flask_small", order_a_report),
    ],
    ids=["fastapi_photos", "django_photos", "flask_small"],
)
def test_an_example_starts_by_the_command_of_its_readme_works_and_ends_by_ctrl_c(name, order, tmp_path):
    """In a new environment, with nothing but what its requirements name; its page answers, and its task succeeds."""
    example = Example(name, tmp_path)
    example.install()
    port = str(free_port())
    visitor = Visitor(f"http://127.0.0.1:{port}/")

    with example.started(PORT=port) as process:

        def answers():
            assert process.poll() is None, example.output.read_text()
            return visitor.is_answered()

        until(answers, "its page does not answer")
        order(visitor)

        def ended():
            (task,) = visitor.get_json("tasks/mine")["tasks"]
            return task if task["state"] not in {"waiting", "running"} else None

        task = until(ended, "its task does not end")
        assert process.pid in example.processes()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(WAIT_SECONDS)
        until(lambda: not example.processes(), "it has left processes behind")

    assert (task["state"], task["error"]) == ("succeeded", None)
    assert "Traceback" not in example.output.read_text()
