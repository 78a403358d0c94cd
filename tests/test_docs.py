"""The documentation tells the truth: its examples run, and its reference names everything that exists."""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest
from cli_calls import add_task, call, end_task, start_task
from visiting import free_port

from lilota import config, errors
from lilota.cli.main import cli
from lilota.contract import RunnerInfo, TaskStore
from lilota.files.reading import note_of
from lilota.hookspecs import LilotaHooks
from lilota.models import AttachedFile, AttemptUpdate, LogLine, TaskBase, TaskError, TaskInfo, TaskState
from lilota.stores import open_store

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md"), *ROOT.glob("plugins/*/*.md")])
# Pages whose commands are part of the example; elsewhere a command may start a server or need a network.
MOVE_PAGE = DOCS / "how-to/move-to-another-store.md"
COMMAND_PAGES = {DOCS / "tutorial.md", MOVE_PAGE}
WEB_PAGES = {DOCS / "how-to/use-with-fastapi.md", DOCS / "how-to/use-with-flask.md"}
DASK_PAGE = DOCS / "how-to/run-on-dask.md"  # the plugin tests it
TELEMETRY_PAGE = DOCS / "how-to/telemetry.md"  # so does this one
STATUS_PAGE = DOCS / "how-to/status-pages.md"  # and this one
NOTIFY_PAGE = DOCS / "how-to/tell-when-a-task-ends.md"  # and this one
DASHBOARD_PAGE = DOCS / "how-to/dashboard.md"  # and this one
# And the README.
OWN_TESTS = {MOVE_PAGE, DASK_PAGE, TELEMETRY_PAGE, STATUS_PAGE, NOTIFY_PAGE, DASHBOARD_PAGE, *WEB_PAGES}
RUN_PAGES = sorted(set(DOCS.glob("**/*.md")) - OWN_TESTS)
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE_LINE = re.compile(r"# file: (\S+)\n")
ALL_ERRORS = sorted(
    name
    for name, found in vars(errors).items()
    if isinstance(found, type) and issubclass(found, BaseException) and found.__module__ == errors.__name__
)
HOOKS = sorted(name for name in vars(LilotaHooks) if not name.startswith("_"))
METHODS = sorted(name for name in vars(TaskStore) if not name.startswith("_"))
VARIABLE = re.compile(r"LILOTA_[A-Z_]+[A-Z]")
FOUND_AT = re.compile(r"\]\((\S+\.py)\),((?: `\w+\(\)`,?)+)")
CALLED = re.compile(r"`(\w+)\(\)`")
#: So long the examples of a page may take; they start a dozen programs, one after the other.
LIMIT_SECONDS = 300
pytestmark = pytest.mark.timeout(LIMIT_SECONDS + 20)
PUBLIC_MODULES = {
    **{f"lilota.{path.stem}": f"reference/api/{path.name}" for path in sorted((DOCS / "reference/api").glob("*.md"))},
    "lilota.contract": "reference/store-contract.md",
    "lilota.errors": "reference/errors.md",
    "lilota.hookspecs": "reference/hooks.md",
}


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the blocks of code of a page: language, text."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def has_files(page: Path) -> bool:
    return any(FILE_LINE.match(text) for _, text in blocks(page))


def script_of(page: Path) -> str:
    """Return a shell script that writes the files of a page and runs what is to be run, in the order of reading."""
    lines = ["set -e", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for language, text in blocks(page):
        name = FILE_LINE.match(text)
        if name:
            lines += writing(name[1], text[name.end() :]) + ([] if page in COMMAND_PAGES else running(name[1]))
        elif language == "console" and page in COMMAND_PAGES:
            lines += [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    return "\n".join(lines) + "\n"


def writing(name: str, text: str) -> list[str]:
    quoted = shlex.quote(name)
    return [f"mkdir -p $(dirname {quoted})", f"cat > {quoted} <<'LILOTA_END'", text.rstrip("\n"), "LILOTA_END"]


def running(name: str) -> list[str]:
    if name.rpartition("/")[2].startswith("test_"):
        return [f"{shlex.quote(sys.executable)} -m pytest -q -p no:cacheprovider {shlex.quote(name)}"]
    return [f"{shlex.quote(sys.executable)} {shlex.quote(name)}"] if name.endswith(".py") else []


def run_script(script: str, folder: Path) -> tuple[int, str]:
    """Run a script with bash in a folder; return its exit code and all that it printed."""
    own = {key: value for key, value in os.environ.items() if not key.startswith(("LILOTA_", "PYTEST_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{own.get('PATH', os.defpath)}"
    environment = {**own, "PATH": path, "PORT": str(free_port()), "PYTHONPATH": str(folder)}
    with (folder.parent / "output.txt").open("w+") as output:  # a file: a program left behind can't hold up the test
        command = ["bash", "-x", "-c", script]
        shell = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            code = shell.wait(LIMIT_SECONDS)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()  # or another test hears, when this is collected, that it still runs
        output.seek(0)
        return code, output.read()


@pytest.mark.parametrize("page", list(filter(has_files, RUN_PAGES)), ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_of_a_page_run(page, tmp_path):
    """The files of a page run in the order in which they are shown, and so do the commands of the tutorial."""
    folder = tmp_path / "example"
    folder.mkdir()

    code, output = run_script(script_of(page), folder)

    assert code == 0, output


@pytest.mark.parametrize("page", ["write-a-store", "write-a-task-plugin"])
def test_the_package_of_a_page_can_be_installed(page):
    """A folder with a test beside the module is more than a build finds its way in by itself."""
    texts = [text for _, text in blocks(DOCS / f"how-to/{page}.md") if text.startswith("# file: pyproject.toml\n")]
    [project] = map(tomllib.loads, texts)

    setuptools = project["tool"].get("setuptools", {}).get("py-modules", [])
    hatch = project["tool"].get("hatch", {}).get("build", {}).get("targets", {}).get("wheel", {}).get("packages", [])
    [entries] = project["project"]["entry-points"].values()
    assert project["build-system"]["requires"]
    assert {value.partition(":")[0].partition(".")[0] for value in entries.values()} == {*setuptools, *hatch}


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store(request):
    """The URL of an empty store to move to."""
    if request.param == "sqlite":
        yield "sqlite:///new.db"
        return
    pytest.importorskip("lilota_postgres_store", reason="the PostgreSQL store is not installed")
    from lilota_test_servers import PostgresServer, available_or_skip

    with available_or_skip(PostgresServer) as server:
        yield server.create_database()


def test_the_walk_through_of_a_move_works(new_store, tmp_path):
    """Its commands lead from one store to the other, and every task is there in the end."""
    folder = tmp_path / "example"
    folder.mkdir()
    script = script_of(MOVE_PAGE)
    documented = "NEW=postgresql://shop@db.example.org/shop\n"
    assert documented in script

    code, output = run_script(
        script.replace(documented, f"NEW={shlex.quote(new_store)}\n") + "lilota list --json\n", folder
    )

    assert code == 0, output
    found = [json.loads(line) for line in output.splitlines() if line.startswith('{"id"')]
    assert [(task["id"], task["state"]) for task in found] == [(3, "succeeded"), (2, "pending"), (1, "succeeded")]


@pytest.fixture
def cells(tmp_path):
    """The files of the page about notebooks are written; its other blocks of Python are the cells."""
    found = []
    for language, text in blocks(DOCS / "how-to/use-in-notebooks.md"):
        name = FILE_LINE.match(text)
        if name:
            (tmp_path / name[1]).write_text(text[name.end() :], encoding="utf-8")
        elif language == "python":
            found.append(text)
    return found


def run_notebook(cells: Sequence[str], folder: Path) -> list[str]:
    """Run cells in a new kernel; return what each printed."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    from nbformat.v4 import new_code_cell, new_notebook

    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=LIMIT_SECONDS, kernel_name="python3", resources=where).execute()
    return ["".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells]


def test_the_cells_of_the_notebook_run(cells, tmp_path):
    """The tasks run while other cells do, and their results are there in the end."""
    *_, last = run_notebook(cells, tmp_path)

    assert "1000 rounds" in last
    assert "[{'hits': 77}, {'hits': 3847}]" in last


def test_a_class_of_a_cell_is_refused(tmp_path):
    """A worker could not import it; the sentence says where to put it."""
    cell = """
from lilota import TaskBase, TaskRunner
from lilota.errors import InvalidTaskError

class Simulate(TaskBase):
    def run(self):
        return None

try:
    TaskRunner("sqlite:///experiments.db").register("simulate", Simulate)
except InvalidTaskError as error:
    print(error)
"""

    (said,) = run_notebook([cell], tmp_path)

    assert "'simulate'" in said
    assert "module" in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_python_of_a_page_can_be_parsed_by_the_oldest_python(page):
    """Every block of Python is valid, also where it is only a part of a program."""
    for language, text in blocks(page):
        if language == "python":
            ast.parse(text, filename=str(page), feature_version=(3, 11))


def test_every_error_is_explained():
    """reference/errors.md says where each error is met, and its docstring, which the site shows, what it means."""
    text = page_text("reference/errors.md")

    assert ".. automodule:: lilota.errors\n" in text
    assert [name for name in ALL_ERRORS if f"`{name}" not in text] == []
    assert [name for name in ALL_ERRORS if not re.search(rf"\b{name}\b", errors.__doc__)] == []
    assert [name for name in ALL_ERRORS if not vars(errors)[name].__dict__.get("__doc__")] == []


def test_every_hook_is_explained_with_its_argument():
    """reference/hooks.md lists each hook with its argument; the docstring says where it is called, and if it raises."""
    rows = dict(re.findall(r"^\| `(lilota_\w+)` \| (\S*) ?\|", page_text("reference/hooks.md"), re.MULTILINE))

    assert sorted(rows) == HOOKS
    for hook in HOOKS:
        specification = getattr(LilotaHooks, hook)
        arguments = list(inspect.signature(specification).parameters)[1:]
        assert rows[hook] == " ".join(f"`{argument}`" for argument in arguments)
        assert all(words in specification.__doc__ for words in ("Called in: ", "If it raises: ")), hook


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_every_public_module_has_a_page_that_shows_all_of_it(module):
    """Its page takes the docstrings of all its members, or names each that it has for others."""
    text = page_text(PUBLIC_MODULES[module])

    assert f".. automodule:: {module}\n" in text
    if ":no-members:" in text:
        assert [name for name in public_names(module) if not re.search(rf":: {name}\b", text)] == []


def test_every_setting_has_a_section():
    """reference/settings.md explains each setting, and no other."""
    assert headings("reference/settings.md", "###") == sorted(config.SETTING_NAMES)


def test_every_environment_variable_is_documented():
    """reference/settings.md names each variable that the code reads, and no other."""
    sources = [path for folder in ("lilota", "plugins") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in sources if "tests" not in path.parts for name in VARIABLE.findall(path.read_text())}
    # The first is that of a shell, explained in cli.md; with the last the names of three begin.
    internal = {"LILOTA_COMPLETE", "LILOTA_CHECK_STORE", "LILOTA_TEST"}

    assert set(VARIABLE.findall(page_text("reference/settings.md"))) == read - internal


def test_every_command_has_a_section_with_its_options():
    """reference/cli.md explains each built-in command with its options, and no other."""
    sections = sections_of("reference/cli.md", "###")
    context = click.Context(cli)

    assert sorted(sections) == sorted(cli._lazy)
    for name in cli._lazy:
        command = cli.get_command(context, name)
        for option in options_of(command):
            assert f"`{option}" in sections[name], f"{name} {option}"


def test_the_page_for_agents_has_every_command():
    """for-agents.md has a section for each built-in command."""
    assert set(cli._lazy) <= set(headings("for-agents.md", "##"))


def test_the_json_of_the_page_for_agents_is_what_commands_print(tmp_path, monkeypatch):
    """Each document there has the keys that the command prints; those of input, headers and output are anybody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", f"sqlite:///{tmp_path}/tasks.db")
    store = open_store(f"sqlite:///{tmp_path}/tasks.db")
    store.open()
    store.heartbeat(RunnerInfo(id="runner", about_json='{"names": ["resize"], "queues": null, "places": 1}'))
    line = LogLine(at=1.0, level=20, text="a line")
    started = start_task(store, lines=(line,))
    file = AttachedFile(name="a", size=1, media_type="text/csv", sha256="", place="0/a", expires_at=4e9)
    store.commit([AttemptUpdate(id=started.id, token=started.token, notes=(note_of(file),))])
    failed = end_task(store, started, TaskState.FAILED, error=TaskError(type="E", message="m"))
    waiting = add_task(store, "sleep")
    store.release("nobody")
    (tmp_path / "lilota.toml").write_text('[tasks]\nmake_report = "function_tasks:make_report"\n')
    arguments = {
        "tasks": ("make_report",),
        "add": ("--any-name", "resize", "x=1"),
        "show": (str(waiting),),
        "logs": (str(failed),),
        "files": (str(failed),),
        "copy": (f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db", "--yes"),
        "prune": ("--older-than", "7d", "--yes"),
        "retry": (str(failed),),
        "cancel": (str(waiting),),
        "health": ("--max-wait", "1h"),
    }
    with contextlib.closing(open_store(f"sqlite:///{tmp_path}/old.db")) as old:
        old.open()
        add_task(old)
    documents = {
        name: block for name, text in sections_of("for-agents.md", "##").items() for block in json_blocks(text)
    }

    documents.pop("stack")  # for a task that runs: tests/acceptance/test_stacks.py
    assert len(documents) == 16
    for name, documented in documents.items():
        printed = call(name, *arguments.get(name, ()), "--json").stdout
        document = json.loads(printed.splitlines()[0] if name in {"list", "logs"} else printed)
        assert keys_of(document) == keys_of(documented), name


def test_every_task_attribute_and_field_is_documented():
    """reference/tasks.md names what a class can say of itself, and what is known of a task."""
    text = page_text("reference/tasks.md")
    attributes = [name for name in vars(TaskBase) if not name.startswith("_")]
    derived = ["progress_percentage", "input", "output", "result", "start_date_time", "end_date_time"]
    fields = [*(name for name in TaskInfo.__struct_fields__ if not name.endswith("_json")), *derived]

    assert [name for name in [*attributes, *fields] if f"`{name}`" not in text] == []


def test_every_store_method_is_documented():
    """reference/store-contract.md names each method of a store."""
    text = page_text("reference/store-contract.md")

    assert [name for name in METHODS if f"`{name}" not in text] == []


def test_every_room_is_named_in_the_architecture():
    """explanation/architecture.md has a line for each module; those for tests, and single commands, go without."""
    rooms = section("explanation/architecture.md", "## Every room in a line")
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "lilota").rglob("*.py") if path.name != "__init__.py"}
    unnamed = {name for name in modules if name.startswith(("lilota/testing/", "lilota/cli/commands/"))}

    named = {name for name in re.findall(r"\]\(\.\./\.\./([^)]*)\)", rooms) if not name.endswith("__init__.py")}
    assert (sorted(modules - unnamed - named), sorted(named - modules)) == ([], [])


def test_the_layers_of_the_architecture_are_those_that_are_checked():
    """explanation/architecture.md shows the list of pyproject.toml, in its order."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (shown,) = re.findall(r"```text\n(.*?)```", section("explanation/architecture.md", "## Layers"), re.DOTALL)

    assert [re.split(r"\s{2,}", line)[0] for line in shown.splitlines()] == contracts[0]["layers"]


def test_what_the_architecture_finds_is_there():
    """explanation/architecture.md names the file in which something happens, and a function that exists in it."""
    rows = section("explanation/architecture.md", "## Where does it happen?").splitlines()
    found = [(path, name) for row in rows for path, names in FOUND_AT.findall(row) for name in CALLED.findall(names)]
    text_of = {path: (DOCS / "explanation" / path).read_text(encoding="utf-8") for path, _ in found}

    assert len(found) > 10
    assert [(path, name) for path, name in found if f"def {name}(" not in text_of[path]] == []


def test_every_decision_is_listed():
    """decisions/README.md leads to every page beside it."""
    pages = {path.name for path in (DOCS / "decisions").glob("*.md")} - {"README.md"}

    assert set(re.findall(r"\]\(([\w-]+\.md)\)", page_text("decisions/README.md"))) == pages


def public_names(module: str) -> list[str]:
    """Return what a module lists as public, or else the classes that it defines without an underscore."""
    found = importlib.import_module(module)
    classes = [name for name, value in vars(found).items() if isinstance(value, type) and value.__module__ == module]
    return getattr(found, "__all__", [name for name in classes if not name.startswith("_")])


def page_text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """Return what stands on a page below a heading of the second level, which it has."""
    return re.split("^## ", page_text(name).partition(f"\n{heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def sections_of(name: str, level: str) -> dict[str, str]:
    """Return heading -> text below it, for the headings of one level that are names in backticks."""
    return dict(split_sections(page_text(name), level))


def split_sections(text: str, level: str) -> Iterator[tuple[str, str]]:
    for part in re.split(rf"^{level} ", text, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        yield title.strip("` "), re.split(r"^#{1,3} ", body, flags=re.MULTILINE)[0]


def json_blocks(text: str) -> list[object]:
    return [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)]


def keys_of(document: object) -> object:
    """Return the keys of a document, and of the first of several that it is or has in a list."""
    if isinstance(document, list):
        return keys_of(document[0])
    assert isinstance(document, dict)
    inner = {name: keys_of(value) for name, value in document.items() if is_list_of_documents(value)}
    return sorted(document), inner


def is_list_of_documents(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def headings(name: str, level: str) -> list[str]:
    return sorted(sections_of(name, level))


def options_of(command: click.Command | None) -> Sequence[str]:
    assert command is not None
    found = [option for parameter in command.params if isinstance(parameter, click.Option) for option in parameter.opts]
    return [option for option in found if option.startswith("--") and option != "--store"]
