"""Set up this checkout and run it, with nothing but Python: `python3 dev.py demo` and `python3 dev.py test`.

`demo [arguments]` installs lilota and its example tasks into .venv and runs `lilota demo`;
`test [--all]` installs nox and uv into .venv-dev and runs nox: a good selection of the checks on one Python, or all of
them on every Python that is found; other arguments go to nox.

An older Python must be able to parse this file, so that it can say which Python it needs.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - whoever starts this file may have an older one
    sys.exit("lilota needs Python 3.11 or newer; this is {}.{}. Try: python3.11 dev.py".format(*sys.version_info[:2]))

import hashlib
import json
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent
REPORTS = ROOT / ".nox" / "reports"
AGAIN = ".again.xml"  # as noxfile.py has it: the report on the tests that were run again
TOOLS = ("nox>=2025.5.1", "uv>=0.8")
# The example tasks name the core by its name, which means something else on the package index: one pip command.
DISTRIBUTIONS = (".", "./plugins/lilota_example_tasks", "./plugins/lilota_dashboard")


def main(arguments: list[str]) -> int:
    """Run one command and return the exit code for the shell."""
    commands = {"demo": demo, "test": test}
    if not arguments or arguments[0] not in commands:
        say("Usage: python3 dev.py demo [arguments of `lilota demo`] | test [--all | arguments of nox]")
        return 2
    try:
        return commands[arguments[0]](arguments[1:])
    except subprocess.CalledProcessError as error:
        say(f"failed with exit code {error.returncode}: {' '.join(map(str, error.cmd))}")
        return error.returncode
    except KeyboardInterrupt:
        return 130


def demo(arguments: list[str]) -> int:
    """Install what this checkout holds and become `lilota demo`."""
    sources = [ROOT / "pyproject.toml", ROOT / "setup.py", *files_below("lilota"), *files_below("plugins")]
    python = environment(ROOT / ".venv", DISTRIBUTIONS, fingerprint(sources))
    say("running: lilota demo " + " ".join(arguments))
    lilota = python.with_name("lilota")
    # In the place of this process: signals reach the demo, and its exit code is ours.
    os.execv(lilota, [str(lilota), "demo", *arguments])  # noqa: S606 - no shell is wanted


def test(arguments: list[str]) -> int:
    """Run nox, then print how many tests passed over all its sessions."""
    if arguments[:1] == ["--all"]:
        arguments = ["--tags", "all", *arguments[1:]]
    python = environment(ROOT / ".venv-dev", TOOLS, " ".join(TOOLS))
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    say("running: nox " + " ".join(arguments))
    report = REPORTS / "sessions.json"
    nox = ["-m", "nox", "--noxfile", str(ROOT / "noxfile.py"), "--report", str(report), *arguments]
    code = subprocess.run([python, *nox], check=False).returncode
    passed, failed, skipped = totals(report)
    for name in passed_again():
        say("failed at first, and passed when it was run again by itself: " + name)
    if report.is_file() or code:
        say_totals(passed, max(failed, 1) if code else failed, skipped)
    return code


def environment(folder: Path, requirements: tuple[str, ...], stamp: str) -> Path:
    """Make a virtual environment with these requirements, unless it stands already, and return its Python."""
    python = folder / "bin" / "python"
    marker = folder / "lilota-dev-stamp"
    stamp = f"{sys.version} {stamp}"
    if python.exists() and marker.is_file() and marker.read_text() == stamp:
        return python
    say(f"making {folder.name} with {' and '.join(requirements)} (once; a minute or so) ...")
    make_environment(folder)
    # setuptools packs what an earlier build left there, modules that were since deleted included.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    pip = ["-m", "pip", "--disable-pip-version-check", "--no-input", "-qq", "install"]
    subprocess.run([python, *pip, *requirements], cwd=ROOT, check=True)
    marker.write_text(stamp)
    return python


def make_environment(folder: Path) -> None:
    """Make an empty virtual environment with pip in the place of what is there."""
    try:
        venv.create(folder, with_pip=True, clear=True, symlinks=True)
    except (subprocess.CalledProcessError, ModuleNotFoundError):
        sys.exit("This Python can't make virtual environments. On Debian and Ubuntu: apt-get install python3-venv")


def files_below(name: str) -> Iterator[Path]:
    """Give the files of a source folder, in a fixed order, without what running them left."""
    files = (path for path in (ROOT / name).rglob("*") if path.is_file())
    return (path for path in sorted(files) if "__pycache__" not in path.parts and ".pyc" not in path.name)


def fingerprint(files: list[Path]) -> str:
    """Return a digest that changes with any of the files, its name or its contents."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.relative_to(ROOT)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()


def totals(report: Path) -> tuple[int, int, int]:
    """Count tests as (passed, failed, skipped) over all sessions; a session without tests is one check."""
    sessions = json.loads(report.read_text())["sessions"] if report.is_file() else []
    passed = failed = skipped = 0
    for session in sessions:
        tests, bad, left_out = tests_of((session["signatures"] or [session["name"]])[0])
        broke = session["result"] in {"failed", "aborted"}
        passed += tests - bad - left_out + (tests == 0 and not broke)
        failed += bad + (bad == 0 and broke)
        skipped += left_out
    return passed, failed, skipped


def tests_of(session: str) -> tuple[int, int, int]:
    """Count a session's tests as (all, failed, skipped), from the reports that pytest wrote for it."""
    report = REPORTS / (session.replace("/", "_") + ".xml")
    again = report.with_suffix(AGAIN)

    def count(file: Path, *names: str) -> int:
        return sum(int(suite.get(name, "0")) for suite in elements(file, "testsuite") for name in names)

    failed = count(again if again.is_file() else report, "failures", "errors")
    return count(report, "tests"), failed, count(report, "skipped")


def passed_again() -> Iterator[str]:
    """Name the tests of all sessions that failed, and passed when they were run once more."""
    for report in sorted(REPORTS.glob("*" + AGAIN)):
        for case in elements(report, "testcase"):
            if not list(case):  # what failed, or was skipped, has that in it
                yield f"{case.get('classname')}::{case.get('name')} in {report.name.removesuffix(AGAIN)}"


def elements(report: Path, tag: str) -> list[ET.Element]:
    """Read the elements of a report, of which there are none without one."""
    return list(ET.parse(report).getroot().iter(tag)) if report.is_file() else []  # noqa: S314 - our own file


def say(sentence: str) -> None:
    """Print one line at once, also where the output is a file."""
    print(f"dev.py: {sentence}", flush=True)


def say_totals(passed: int, failed: int, skipped: int) -> None:
    """Print the closing line, which machines read: it stands alone and has a fixed form."""
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
