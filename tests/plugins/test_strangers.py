"""Whatever the code of a plugin raises or does to its process, nobody else is harmed, and the plugin is named."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap

import pytest

from lilota.config import Settings
from lilota.errors import CancelRequested, InvalidTaskError, PluginError, Retry
from lilota.hookspecs import AttemptDetails, TasksAdded
from lilota.models import Claim, TaskBase
from lilota.plugins import Plugins
from lilota.plugins.strangers import let_pass, one_line
from lilota.registry import Registry
from lilota.stores import open_store
from lilota.workers.attempts import run_attempt

ADDED = TasksAdded(ids=(1,), names=("resize",))
HEAD = """
    import asyncio, os, signal, sys
    from lilota import hookimpl, TaskBase

    class PanicException(BaseException):
        "What a module in Rust raises when it panics."

    class Mute(BaseException):
        def __str__(self):
            raise PanicException("no text either")
"""
#: What somebody's code may raise that is no `Exception`.
RAISED = [
    "sys.exit('bad licence')",
    "raise asyncio.CancelledError",
    "raise PanicException('called `Option::unwrap()` on a `None` value')",
    "raise GeneratorExit",
    "raise BaseException('anything')",
    "raise Mute",
]


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """Install a distribution whose module, named like it, has a source; return its folder."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name, source, group="lilota.plugins", value=None):
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value or name}\n")
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(HEAD) + textwrap.dedent(source))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return tmp_path

    yield put
    for module in [name for name, module in sys.modules.items() if str(tmp_path) in str(vars(module).get("__file__"))]:
        del sys.modules[module]


@pytest.fixture
def lilota(tmp_path):
    """Return a function that runs the command line with what is installed in the folder of the test."""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "LILOTA_STORE": f"sqlite:///{tmp_path}/l.db"}

    def run(*arguments, **more):
        command = [sys.executable, "-m", "lilota", *arguments]
        return subprocess.run(
            command, env=environment | more, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )

    return run


def record_of(plugins, name):
    """Return the one record of that name."""
    [record] = [record for record in plugins.records() if record.name == name]
    return record


def run_wrapped(plugins, body):
    """Run an attempt of a task whose `run()` is `body` inside what plugins wrap around it; return its outcome."""
    task_class = type("Task", (TaskBase,), {"run": lambda _self: body()})
    claim = Claim(id=1, name="resize", description="", input_json="{}", attempt=1, token=1, priority=0, queue="default")

    def call(task):
        return plugins.run_attempt(AttemptDetails(task_info=task.task_info, task=task))

    return run_attempt(claim, lambda _name: task_class, _Deaf(), logging.getLogger(), call)


class _Deaf:
    """A reporter that keeps nothing."""

    def progress(self, percentage):
        """Take it."""

    def output(self, output_json):
        """Take it."""

    def returned(self, output_json):
        """Take it."""

    def note(self, text):
        """Take it."""

    def leave_for_retry(self):
        """There is nothing to leave."""

    def is_cancelled(self):
        """Nobody cancels."""
        return False


# --- What may be raised ---


@pytest.mark.parametrize("statement", RAISED)
def test_a_plugin_that_raises_anything_when_imported_is_left_out_and_named(bring, caplog, statement):
    """The other plugins are used, and the warning has the way to turn it off."""
    bring("rusty", statement)
    bring("fine", "@hookimpl\ndef lilota_tasks_added(added):\n    pass\n")

    plugins = Plugins(Settings())

    assert record_of(plugins, "rusty").state == "failed"
    assert record_of(plugins, "fine").state == "loaded"
    assert "'rusty' of rusty 1.0 can't be used" in caplog.text
    assert "LILOTA_DISABLE_PLUGINS=rusty" in caplog.text


@pytest.mark.parametrize("statement", RAISED)
def test_a_contributing_hook_that_raises_anything_is_left_out_and_named(bring, caplog, statement):
    """Whatever it is."""
    bring("rusty", f"@hookimpl\ndef lilota_tasks():\n    {statement}\n")

    plugins = Plugins(Settings())

    assert record_of(plugins, "rusty").state == "failed"
    assert "'rusty' of rusty 1.0 can't be used" in caplog.text


@pytest.mark.parametrize("statement", RAISED)
def test_an_observer_that_raises_anything_harms_nobody_and_is_named(bring, caplog, statement):
    """The next observer is called."""
    bring("rusty", f"@hookimpl(tryfirst=True)\ndef lilota_tasks_added(added):\n    {statement}\n")
    bring("fine", "seen = []\n@hookimpl\ndef lilota_tasks_added(added):\n    seen.append(added)\n")
    plugins = Plugins(Settings())

    plugins.observe("lilota_tasks_added", added=ADDED)

    assert sys.modules["fine"].seen == [ADDED]
    assert "'rusty' of rusty 1.0 failed in lilota_tasks_added" in caplog.text


@pytest.mark.parametrize("statement", RAISED)
@pytest.mark.parametrize(
    ("group", "use"),
    [
        ("lilota.tasks", lambda plugins: plugins.load_task("rusty")),
        ("lilota.stores", lambda plugins: plugins.store_factory("rusty")),
        ("lilota.executors", lambda plugins: plugins.executor_factory("rusty")),
        ("lilota.files", lambda plugins: plugins.make_file_area("rusty", "rusty://x")),
    ],
)
def test_a_module_that_raises_anything_is_an_error_that_names_it(bring, group, use, statement):
    """For tasks, stores, executors and file areas, for whoever uses them."""
    bring("rusty", statement, group, "rusty:Thing")
    plugins = Plugins(Settings())

    with pytest.raises((InvalidTaskError, PluginError), match=r"'rusty' of rusty 1.0 can't be loaded"):
        use(plugins)

    assert record_of(plugins, "rusty").state == "failed"


@pytest.mark.parametrize("statement", RAISED)
def test_a_file_area_that_raises_anything_when_it_is_made_is_an_error_that_names_it(bring, statement):
    """And not what it raised."""
    bring("rusty", f"def make(url):\n    {statement}\n", "lilota.files", "rusty:make")

    with pytest.raises(PluginError, match=r"The file area 'rusty' of rusty 1.0 can't be made"):
        Plugins(Settings()).make_file_area("rusty", "rusty://x")


def test_a_file_area_that_lacks_a_method_is_not_used(bring):
    """It may be of another version of lilota."""
    bring(
        "rusty",
        "class Area:\n    def __init__(self, url): pass\n    def info(self): pass",
        "lilota.files",
        "rusty:Area",
    )

    with pytest.raises(PluginError, match=r"The file area 'rusty' is not complete: it lacks .*'put'"):
        Plugins(Settings()).make_file_area("rusty", "rusty://x")


@pytest.mark.parametrize("statement", RAISED)
def test_a_configured_task_whose_module_raises_anything_is_an_error_that_names_it(bring, statement):
    """As one that a plugin brings."""
    bring("rusty", statement, "lilota.no_group")
    registry = Registry(Plugins(Settings(tasks={"shrink": "rusty:Shrink"})))

    with pytest.raises(InvalidTaskError, match="'shrink' can't be imported from 'rusty:Shrink'"):
        registry.resolve("shrink")


@pytest.mark.parametrize("statement", [*RAISED, "raise KeyError('host')"])
def test_a_factory_of_stores_that_raises_anything_is_named(bring, statement):
    """Only what it says in words of lilota's own, of its URL say, is left as it is."""
    bring("rusty", f"def make(url):\n    {statement}\n", "lilota.stores", "rusty:make")

    with pytest.raises(PluginError, match=r"The store 'rusty' of rusty 1.0 can't be made"):
        open_store("rusty://user:secret@host", settings=Settings())


@pytest.mark.parametrize("statement", RAISED)
def test_an_attempt_that_a_wrapper_fails_names_the_plugin(bring, statement):
    """Before the task runs and after it; where the task fails, nobody else is named."""
    source = """
        @hookimpl(wrapper=True)
        def lilota_run_attempt(attempt):
            {0}
            result = yield
            {1}
            return result
    """
    bring("early", source.format(statement, "pass"))
    before = run_wrapped(Plugins(Settings(plugins_allowed=("early",))), dict)
    bring("late", source.format("pass", statement))
    after = run_wrapped(Plugins(Settings(plugins_allowed=("late",))), dict)

    assert "the plugin 'early' of early 1.0" in before.error.message.replace("The", "the")
    assert "the plugin 'late' of late 1.0" in after.error.message.replace("The", "the")
    assert "Raised not by the task, but by the plugin 'late' of late 1.0" in after.error.traceback


@pytest.mark.parametrize("error", [ValueError("small"), Retry(1.0, "later"), SystemExit(3), CancelRequested()])
def test_what_a_task_raises_is_not_put_down_to_a_wrapper(bring, error):
    """It only comes by."""
    bring("by", "@hookimpl(wrapper=True)\ndef lilota_run_attempt(attempt):\n    return (yield)\n")

    def fail():
        raise error

    outcome = run_wrapped(Plugins(Settings()), fail)

    assert "the plugin" not in str(outcome.error)


@pytest.mark.parametrize("source", ["if False:\n        yield", "yield\n    yield"])
def test_a_wrapper_that_does_not_yield_once_is_named(bring, source):
    """Pluggy complains of it."""
    bring("odd", f"@hookimpl(wrapper=True)\ndef lilota_run_attempt(attempt):\n    {source}\n")

    outcome = run_wrapped(Plugins(Settings()), dict)

    assert "raised by the plugin 'odd' of odd 1.0" in outcome.error.message


@pytest.mark.parametrize("error", [KeyboardInterrupt(), CancelRequested()])
def test_ctrl_c_and_the_end_of_a_task_pass_through_plugins(bring, error):
    """They are not theirs; who interrupts a plugin that takes for ever learns which it was."""
    bring("slow", "errors = []\n@hookimpl\ndef lilota_tasks_added(added):\n    raise errors[0]\n")
    plugins = Plugins(Settings())
    sys.modules["slow"].errors.append(error)

    with pytest.raises(type(error)):
        plugins.observe("lilota_tasks_added", added=ADDED)


def test_who_interrupts_an_import_learns_whose_it_was(bring, caplog):
    """A plugin that never comes back is found by Ctrl-C."""
    bring("slow", "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        Plugins(Settings())

    assert "Interrupted in the plugin 'slow' of slow 1.0" in caplog.text


def test_in_another_thread_than_the_main_one_nobody_else_can_have_raised_ctrl_c():
    """Python delivers it to the main thread only."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as other_thread:
        other_thread.submit(let_pass, KeyboardInterrupt()).result(60)
    with pytest.raises(KeyboardInterrupt):
        let_pass(KeyboardInterrupt())


@pytest.mark.parametrize("statement", RAISED[:3])
def test_no_command_is_harmed_by_what_a_plugin_raises(bring, lilota, statement):
    """Not even the commands that look for what is wrong, nor `--help`."""
    bring("rusty", statement)

    results = {name: lilota(*name.split()) for name in ("plugins", "--help", "add x --any-name")}

    assert {name: result.returncode for name, result in results.items()} == dict.fromkeys(results, 0)
    for result in results.values():
        assert "Traceback" not in result.stderr
        assert "LILOTA_DISABLE_PLUGINS=rusty" in " ".join((result.stdout + result.stderr).split())


@pytest.mark.parametrize("command", ["plugins", "plugins --check", "doctor"])
def test_what_is_wrong_is_said_once_by_the_commands_that_show_it(bring, lilota, command):
    """With its remedy, and not as a log line too; what several packages claim is one thing that is wrong."""
    bring("rusty", "raise ValueError('rust')")
    for package in ("left", "right"):
        bring(package, "def make(address): pass", "lilota.stores", f"{package}:make\nshelf = {package}:make")

    result = lilota(*command.split(), COLUMNS="500")

    said = " ".join(result.stdout.split())
    assert result.stderr == ""
    assert said.count("ValueError: rust") == said.count("or turn it off with LILOTA_DISABLE_PLUGINS=rusty") == 1
    assert said.count("Several distributions claim 'shelf'") == 1
    assert "left, right" in said


def test_a_command_of_a_plugin_that_panics_ends_in_one_line(bring, lilota):
    """And its help can't break that of the others."""
    bring(
        "rusty",
        """
        import click

        class Odd(click.Command):
            def get_short_help_str(self, limit=45):
                raise PanicException("no help")

        def panic():
            raise PanicException("called `Option::unwrap()` on a `None` value")

        @hookimpl
        def lilota_cli_commands():
            return [Odd("rust", callback=panic)]
        """,
    )

    command, text = lilota("rust"), lilota("--help")

    assert (command.returncode, command.stderr.count("\n")) == (1, 1)
    assert "PanicException: called `Option::unwrap()`" in command.stderr
    assert text.returncode == 0
    assert "its help can't be shown: PanicException" in text.stdout


# --- Functions that would never run ---


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("async def lilota_attempt_finished(finished): pass", "must be a plain function, without 'async' and 'yield'"),
        ("def lilota_attempt_finished(finished): yield", "must be a plain function"),
        ("async def lilota_worker_started(worker): yield", "must be a plain function"),
        ("async def lilota_tasks(): return {}", "must be a plain function"),
        ("def lilota_tasks(): yield", "must be a plain function"),
    ],
)
def test_a_hook_that_a_call_does_not_run_is_refused(bring, function, words):
    """As an async `run()` of a task is: it would be loaded, and nothing would ever happen."""
    bring("idle", f"@hookimpl\n{function}\n")

    record = record_of(Plugins(Settings()), "idle")

    assert record.state == "failed"
    assert words in record.error


@pytest.mark.parametrize("function", ["async def lilota_run_attempt(attempt): yield", "def lilota_run_attempt(): pass"])
def test_a_wrapper_must_be_a_plain_generator(bring, function):
    """An async one, or none at all, would wrap nothing."""
    bring("idle", f"@hookimpl(wrapper=True)\n{function}\n")

    record = record_of(Plugins(Settings()), "idle")

    assert record.state == "failed"
    assert "must be a plain generator" in record.error


@pytest.mark.parametrize("inner", ["async def inner(added): pass", "def inner(added): yield"])
def test_an_observer_that_returns_what_nobody_runs_has_failed(bring, caplog, inner):
    """Behind a decorator it looks like any function; no warning of Python's comes on top."""
    bring("idle", f"{inner}\n@hookimpl\ndef lilota_tasks_added(added):\n    return inner(added)\n")
    plugins = Plugins(Settings())

    plugins.observe("lilota_tasks_added", added=ADDED)

    assert "'idle' of idle 1.0 failed in lilota_tasks_added: TypeError: it returned a" in caplog.text


@pytest.mark.parametrize(
    ("source", "remark"),
    [
        ("", "It has no hooks: mark its functions with @lilota.hookimpl."),
        ("def lilota_tasks_added(added): pass", "does not mark lilota_tasks_added() with @lilota.hookimpl"),
        (
            "@hookimpl\ndef lilota_tasks_added(added): pass\ndef lilota_worker_started(worker): pass",
            "does not mark lilota_worker_started()",
        ),
    ],
)
def test_a_module_with_what_is_no_hook_is_remarked(bring, lilota, source, remark):
    """It is no error, since an import alone may be what somebody wants."""
    bring("forgetful", source)

    record = record_of(Plugins(Settings()), "forgetful")
    shown = lilota("plugins", "--check", COLUMNS="200")

    assert (record.state, record.error) == ("loaded", None)
    assert remark in record.remark
    assert (shown.returncode, f"plugin forgetful (forgetful): {record.remark}" in shown.stdout) == (0, True)


@pytest.mark.parametrize(("group", "kind"), [("lilota.plugins", "plugin"), ("lilota.tasks", "task")])
def test_what_a_module_raises_is_shown_with_its_line(bring, lilota, group, kind):
    """ "division by zero" tells its author nothing; a module that is not there has no line."""
    folder = bring("dividing", "1 / 0", group, "dividing" if kind == "plugin" else "dividing:Task")
    bring("absent", "", group, "no_such_module")

    shown = lilota("plugins", "--check", COLUMNS="300").stdout

    line = len((folder / "dividing.py").read_text().splitlines())
    assert f"division by zero ({folder / 'dividing.py'}, line {line}). Mend" in shown
    assert "ModuleNotFoundError: No module named 'no_such_module'. Mend" in shown


def test_a_question_ends_a_reason_without_a_full_stop(bring, caplog):
    """Two marks in a row look broken."""
    bring("mistyped", "@hookimpl\ndef lilota_task_added(added): pass")

    Plugins(Settings())

    assert "Did you mean 'lilota_tasks_added'? The rest goes on" in caplog.text


def test_a_misspelt_option_of_an_installed_task_is_remarked(bring, lilota):
    """Nobody registers it, so this is where its author sees it."""
    bring(
        "slow",
        "class Slow(TaskBase):\n    max_attempt = 3\n    def run(self):\n        return None\n",
        "lilota.tasks",
        "slow:Slow",
    )

    shown = lilota("plugins", "--check", COLUMNS="300")

    remark = "task slow (slow): lilota does not read slow.Slow.max_attempt. Did you mean 'max_attempts'?"
    assert (shown.returncode, remark in shown.stdout) == (0, True)


# --- The true reason ---


def test_the_reason_of_an_attribute_that_is_made_when_asked_for_is_shown(bring):
    """It may lie far below the module that is named, and the error of above hides it."""
    folder = bring("lazy", "def __getattr__(name):\n    import lazy_below\n", "lilota.tasks", "lazy:Task")
    (folder / "lazy_below.py").write_text("import os\nos.no_such_function()\n")
    plugins = Plugins(Settings())

    with pytest.raises(
        InvalidTaskError, match="module 'lazy' has no attribute 'Task': module 'os' has no attribute 'no_such"
    ):
        plugins.load_task("lazy")


def test_a_plain_missing_attribute_is_not_said_twice(bring):
    """Python's text would add nothing."""
    bring("plain", "", "lilota.tasks", "plain:Task")
    plugins = Plugins(Settings())

    with pytest.raises(InvalidTaskError, match=r"ImportError: module 'plain' has no attribute 'Task'\. Mend"):
        plugins.load_task("plain")


def test_the_first_error_of_a_chain_is_shown_with_the_last(bring):
    """What a package says of its broken part is seldom what has to be mended."""
    source = "try: import no_such_library\nexcept ImportError as error: raise RuntimeError('no images') from error"
    bring("chained", source)

    record = record_of(Plugins(Settings()), "chained")

    assert record.error.startswith("RuntimeError: no images (ModuleNotFoundError: No module named 'no_such_library') (")


def test_a_chain_that_bites_its_tail_has_an_end():
    """Anybody may set a cause."""
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first

    assert one_line(first) == "ValueError: first (ValueError: second)"


# --- What a plugin does to the process ---


NOISE = """
    import ctypes
    def make_noise():
        print("Hello from the noisy community")
        os.write(1, b"and from below\\n")
        subprocess.run(["echo", "and from a child"])
        ctypes.CDLL(None).printf(b"and from C, held back\\n")

    import subprocess
    make_noise()

    @hookimpl
    def lilota_tasks_added(added):
        make_noise()

    @hookimpl
    def lilota_stores():
        make_noise()

    @hookimpl
    def lilota_cli_commands():
        import click

        make_noise()
        return [click.Command("shout", callback=lambda: os.write(1, b"my own\\n"))]
"""


@pytest.mark.parametrize(
    "command",
    [
        *("plugins --json", "doctor --json", "runners --json", "list --json", "counts --json"),
        *("add x --any-name --json", "show 1 --json", "logs 1 --json"),
    ],
)
def test_what_plugins_print_does_not_spoil_json(bring, lilota, command):
    """Standard output is what the command says; what they print is on standard error, from Python or from C."""
    bring("noisy", NOISE)
    lilota("add", "x", "--any-name")

    result = lilota(*command.split())

    assert result.returncode == 0, result.stderr
    for document in result.stdout.splitlines() if "list" in command else [result.stdout or "null"]:
        json.loads(document)
    for text in ("Hello from the noisy community", "and from below", "and from a child", "and from C, held back"):
        assert text in result.stderr


def test_what_is_not_json_is_not_spoilt_either(bring, lilota):
    """A shell takes the id of `lilota add`; help is read by people; a plugin's own command prints as it likes."""
    bring("noisy", NOISE)

    added, text, own = lilota("add", "x", "--any-name"), lilota("--help"), lilota("shout")

    assert added.stdout == "1\n"
    assert text.stdout.startswith("Usage: lilota")
    assert "and from" not in text.stdout
    assert own.stdout == "my own\n"


@pytest.mark.parametrize("place", ["import", "hook"])
def test_a_plugin_that_changes_the_working_folder_moves_no_store(bring, lilota, caplog, place, tmp_path):
    """A relative path means what it meant before; the plugin is named."""
    (tmp_path / "elsewhere").mkdir()
    move = f"os.chdir({str(tmp_path / 'elsewhere')!r})"
    bring("mover", move if place == "import" else f"@hookimpl\ndef lilota_stores():\n    {move}\n")

    added = lilota("add", "x", "--any-name", LILOTA_STORE="sqlite:///here.db")

    assert added.returncode == 0
    assert "plugin 'mover' of mover 1.0 changed the working folder" in added.stderr
    assert [path.name for path in tmp_path.glob("**/here.db")] == ["here.db"]
    assert (tmp_path / "here.db").exists()


@pytest.mark.parametrize(
    "statement", ["logging.disable(logging.CRITICAL)", "logging.config.dictConfig({'version': 1})"]
)
def test_a_plugin_that_silences_all_logs_silences_nobody(bring, caplog, statement):
    """What other plugins do wrong, and what tasks log, is still heard."""
    bring("loud", f"import logging.config\n{statement}\n")
    bring("rusty", "sys.exit('bad licence')")

    Plugins(Settings())

    assert logging.root.manager.disable == 0
    assert "The plugin 'loud' of loud 1.0 changed" in caplog.text
    assert "'rusty' of rusty 1.0 can't be used" in caplog.text


MUTED = ["sys.stderr = None", "sys.stderr.close()", "sys.stderr = sys.__stderr__ = None"]


@pytest.mark.parametrize("statement", MUTED)
@pytest.mark.parametrize("hook", ["", "@hookimpl\ndef lilota_stores():\n    ", "@hookimpl\ndef lilota_tasks():\n    "])
def test_a_plugin_that_closes_standard_error_is_heard_of(bring, lilota, hook, statement):
    """At its import, or while it contributes: it is open again, and says whose doing that was."""
    bring("mute", f"{hook}{statement}\n" + ("    return {}\n" if hook else ""))

    added = lilota("add", "x", "--any-name")

    assert added.returncode == 0
    assert "plugin 'mute' of mute 1.0 changed which standard streams are open when it was loaded" in added.stderr


@pytest.mark.parametrize("statement", MUTED)
def test_a_hook_that_closes_standard_error_silences_nobody(bring, lilota, statement):
    """What is logged from then on is seen."""
    bring("mute", f"@hookimpl(tryfirst=True)\ndef lilota_tasks_added(added):\n    {statement}\n")
    bring("zealot", "@hookimpl\ndef lilota_tasks_added(added):\n    raise KeyError('a later one')\n")

    added = lilota("add", "x", "--any-name")

    assert added.returncode == 0
    assert "The plugin 'mute' of mute 1.0 closed standard error in lilota_tasks_added" in added.stderr
    assert "KeyError: 'a later one'" in added.stderr


def test_a_task_that_a_worker_is_told_of_moves_no_store(bring, lilota, tmp_path):
    """Its module may go where its tasks want to be, but only in the processes in which they run."""
    (tmp_path / "elsewhere").mkdir()
    bring("mover", f"os.chdir({str(tmp_path / 'elsewhere')!r})\nclass Mover: pass\n", "lilota.no_group")

    refused = lilota("worker", "--task", "move=mover:Mover", LILOTA_STORE="sqlite:///here.db")

    assert "The task 'move' changed the working folder" in refused.stderr
    assert "must be a subclass of lilota.TaskBase" in refused.stderr
    assert not list(tmp_path.glob("elsewhere/here.db"))


def test_a_worker_stops_in_good_order_whatever_handlers_plugins_set(bring, lilota, tmp_path):
    """At import, and when the runner has started; and a SIGINT for all of a service ends none of its processes."""
    seize = "[signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]"
    hooks = ("lilota_runner_started(runner)", "lilota_worker_started(worker)")
    bring("seizing", seize + "".join(f"\n@hookimpl\ndef {hook}:\n    {seize}\n" for hook in hooks))
    survivor = """
        class Survivor(TaskBase):
            max_lost_attempts = 1

            def run(self):
                os.kill(os.getpid(), signal.SIGINT)
                return {"alive": True}
    """
    bring("survivor", survivor, "lilota.tasks", "survivor:Survivor")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "LILOTA_STORE": f"sqlite:///{tmp_path}/l.db"}
    command = [sys.executable, "-m", "lilota", "worker", "--processes", "1"]
    with (
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as worker,
        worker.stdout as facts,
        worker.stderr as sentences,
    ):
        ready = any("Ready" in line for line in facts)
        added = lilota("add", "survivor", "--wait", "--json")
        worker.send_signal(signal.SIGTERM)
        said = sentences.read()

    assert ready
    assert json.loads(added.stdout)["output"] == {"alive": True}, added.stdout
    assert worker.returncode == 0
    assert "SIGTERM: taking no new tasks" in said
    assert said.endswith("Stopped.\n")
