"""What installed distributions bring: how it is found, judged, loaded, and kept from doing harm."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sys
from datetime import UTC, datetime

import msgspec
import pytest
from distributions import FIXTURES, record_of, write_distribution

from lilota.config import Settings
from lilota.errors import (
    ConfigurationError,
    InvalidTaskError,
    PluginConflictError,
    PluginError,
    UnknownStoreError,
    UnknownTaskError,
)
from lilota.hookspecs import AttemptDetails, LilotaHooks, TasksAdded
from lilota.models import TaskBase, TaskInfo
from lilota.plugins import PinnedEntry, Plugins
from lilota.workers.preparing import make_processes


def attempt_of(body):
    """Return the details of an attempt of a task whose `run()` is `body`."""
    task_class = type("Task", (TaskBase,), {"run": lambda _self: body()})
    now = datetime.now(UTC)
    info = TaskInfo(id=1, name="resize", created_at=now, run_at=now)
    return AttemptDetails(task_info=info, task=task_class(info, lambda *_: None, lambda *_: None, logging.getLogger()))


def forget(monkeypatch, *modules):
    """Make this process one that has not imported the modules."""
    for module in modules:
        monkeypatch.delitem(sys.modules, module, raising=False)


FOUND = {"upgraded": "1.3", "uninstalled": "none"}


def change(folder, how):
    """Do to the metadata of the good plugin what `pip install -U` or `pip uninstall` does."""
    metadata = folder / "good.plugin-1.2.dist-info"
    if how == "uninstalled":
        shutil.rmtree(metadata)
        return
    upgraded = metadata.rename(folder / "good.plugin-1.3.dist-info")
    (upgraded / "METADATA").write_text("Metadata-Version: 2.1\nName: Good.Plugin\nVersion: 1.3\n")


# --- Finding ---


def test_a_distribution_is_found_by_being_installed(install):
    """Its plugin module is loaded at once; its tasks and stores wait until they are used."""
    install("good")

    plugins = Plugins(Settings())

    plugin, task, store = (record_of(plugins, name) for name in ("good", "good_task", "goodstore"))
    assert (plugin.group, plugin.state, plugin.distribution, plugin.version) == (
        "lilota.plugins",
        "loaded",
        "Good.Plugin",
        "1.2",
    )
    assert "lilota_tasks_added" in plugin.hooks
    assert (task.group, task.state, task.value) == ("lilota.tasks", "not loaded", "good_tasks:GoodTask")
    assert (store.group, store.state) == ("lilota.stores", "not loaded")


def test_a_hundred_tasks_cost_nothing_until_one_is_used(install, tmp_path):
    """Their names are known from metadata; only the module of the used task is imported."""
    entries = "[lilota.tasks]\n" + "".join(f"many_{i} = many_tasks_{i}:Task\n" for i in range(100))
    write_distribution(tmp_path, "many-tasks", "1.0", entries)
    for i in range(100):
        source = "from lilota.models import TaskBase\nclass Task(TaskBase):\n    def run(self): return None\n"
        (tmp_path / f"many_tasks_{i}.py").write_text(source)
    install(tmp_path)

    plugins = Plugins(Settings())
    names = [name for name in plugins.task_names() if name.startswith("many_")]
    imported_before = [module for module in sys.modules if module.startswith("many_tasks_")]
    plugins.load_task("many_42")

    assert len(names) == 100
    assert imported_before == []
    assert [module for module in sys.modules if module.startswith("many_tasks_")] == ["many_tasks_42"]


def test_the_same_distribution_twice_on_the_path_is_one(install, tmp_path):
    """An editable install leaves metadata in two places, and spells the name in two ways."""
    entries = "[lilota.tasks]\ntwice = twice_tasks:Task\n"
    install(write_distribution(tmp_path / "site", "Twice.There", "1.1", entries))
    install(write_distribution(tmp_path / "checkout", "twice-there", "1.1", entries))

    plugins = Plugins(Settings())

    assert record_of(plugins, "twice").distribution == "twice-there"
    assert record_of(plugins, "twice").state == "not loaded"


def test_a_distribution_that_is_shadowed_contributes_nothing(install, tmp_path):
    """Imports would find the first on the path, so its metadata counts, even if it names nothing."""
    install(write_distribution(tmp_path / "old", "shadowed", "1.0", "[lilota.tasks]\nold_task = old:Task\n"))
    install(write_distribution(tmp_path / "new", "shadowed", "2.0", "[console_scripts]\nx = y:z\n"))

    plugins = Plugins(Settings())

    assert "old_task" not in plugins.task_names()


def test_broken_metadata_of_one_distribution_does_not_hide_the_others(install):
    """It keeps a record of its own."""
    install("broken_metadata", "good")

    plugins = Plugins(Settings())

    assert "good_task" in plugins.task_names()
    assert record_of(plugins, "this line is not an entry").state == "failed"


# --- Broken plugins ---


@pytest.mark.parametrize(
    ("folder", "distribution", "error"),
    [
        ("broken_import", "broken-import 0.3", "RuntimeError: the configuration is missing"),
        ("exits_on_import", "exits-on-import 1.0", "SystemExit: bad licence"),
        (
            "unknown_hook",
            "unknown-hook 1.0",
            "implements an unknown hook 'lilota_task_added'. Did you mean 'lilota_tasks_added'?",
        ),
        (
            "wrong_argument",
            "wrong-argument 1.0",
            "'lilota_tasks_added' wants the argument 'task_ids', but its hook gives 'added'",
        ),
        ("not_a_wrapper", "not-a-wrapper 1.0", "mark it with @hookimpl(wrapper=True)"),
        ("raising", "raising-plugin 2.0", "LookupError: no table of tasks"),
    ],
)
def test_a_broken_plugin_disables_itself_with_one_warning(install, caplog, folder, distribution, error):
    """The warning names it, its distribution, the error and the switch; nothing of it stays registered."""
    install(folder, "good")

    plugins = Plugins(Settings())

    broken = next(record for record in plugins.records() if f"{record.distribution} {record.version}" == distribution)
    assert broken.state == "failed"
    assert error in broken.error
    assert broken.hooks == ()
    [warning] = [record for record in caplog.records if distribution in record.getMessage()]
    assert warning.levelno == logging.WARNING
    assert warning.name == "lilota.plugins"
    for part in (broken.name, distribution, error, f"LILOTA_DISABLE_PLUGINS={broken.name}"):
        assert part in warning.getMessage()
    plugins.observe("lilota_tasks_added", added=TasksAdded(ids=(1,), names=("x",)))
    plugins.observe("lilota_runner_started", runner=None)
    assert "must not be called" not in caplog.text
    assert record_of(plugins, "good").state == "loaded"
    assert "half_loaded" not in plugins.task_names()


@pytest.mark.parametrize("folder", ["broken_import", "unknown_hook", "wrong_argument", "raising"])
def test_strict_raises_what_is_wrong_with_a_plugin(install, folder):
    """`strict_plugins` is for continuous integration: nothing is left out in silence."""
    install(folder)

    with pytest.raises(PluginError, match="can't be used"):
        Plugins(Settings(strict_plugins=True))


def test_a_plugin_that_fails_later_takes_its_contributions_with_it(install):
    """A plugin is used whole or not at all."""
    install("raising_later")
    plugins = Plugins(Settings())
    names_before = plugins.task_names()

    plugins.store_names()

    assert "short_lived" in names_before
    assert "short_lived" not in plugins.task_names()
    assert record_of(plugins, "raising_later").error.startswith("LookupError: no table of stores (")


def test_a_plugin_that_contributes_commands_of_the_wrong_kind_is_disabled(install):
    """What a contributing hook gives is checked, for commands like for tasks."""
    install("raising_later", "good")
    plugins = Plugins(Settings())

    given = plugins.contributions("lilota_cli_commands")

    commands = {record.name: commands for record, commands in given}
    assert commands["good"] == ["a command"]
    assert "raising_later" not in commands
    assert "must return a list" in record_of(plugins, "raising_later").error
    assert "short_lived" not in plugins.task_names()


# --- Tasks and stores ---


def test_a_task_is_loaded_when_it_is_used(install):
    """The record follows."""
    install("good")
    plugins = Plugins(Settings())

    task = plugins.load_task("good_task")

    assert issubclass(task, TaskBase)
    assert record_of(plugins, "good_task").state == "loaded"


def test_a_task_and_a_store_can_be_contributed_by_a_hook(install):
    """They have records of their own, which name the hook."""
    install("good")
    plugins = Plugins(Settings())

    task, factory = plugins.load_task("computed_task"), plugins.store_factory("computedstore")

    assert task is plugins.load_task("good_task")
    assert factory is plugins.store_factory("goodstore")
    assert record_of(plugins, "computed_task").value == "good_plugin:lilota_tasks()"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing_task", "can't be loaded from 'good_tasks:MissingTask': ImportError.*Mend or upgrade Good.Plugin"),
        ("not_a_task", "of Good.Plugin 1.2 must be a class, not function"),
    ],
)
def test_a_broken_task_fails_for_whoever_uses_it(install, name, problem):
    """The error names the distribution and the remedy; the record keeps it, and a runner does not claim the name."""
    install("good")
    plugins = Plugins(Settings())

    with pytest.raises(InvalidTaskError, match=problem):
        plugins.load_task(name)

    assert record_of(plugins, name).state == "failed"
    assert name not in plugins.task_names()


def test_a_broken_store_fails_for_whoever_opens_it(install):
    """The error names the distribution, the cause and the switch."""
    install("good")
    plugins = Plugins(Settings())

    with pytest.raises(PluginError, match=r"of Good.Plugin 1.2 can't be loaded.*ModuleNotFoundError.*lilota.stores:b"):
        plugins.store_factory("brokenstore")


# --- Conflicts ---


@pytest.mark.parametrize("order", [("rival_a", "rival_b"), ("rival_b", "rival_a")])
def test_a_name_that_two_distributions_claim_is_not_used(install, caplog, monkeypatch, order):
    """Whichever comes first on the path: none is loaded, and the error names both and the setting that chooses."""
    forget(monkeypatch, "rival_a", "rival_b")
    install(*order)

    plugins = Plugins(Settings())

    assert {r.state for r in plugins.records() if r.name.startswith("shared")} == {"conflict"}
    assert "rival_a" not in sys.modules
    assert "rival_b" not in sys.modules
    assert "shared_task" not in plugins.task_names()
    for use, name in ((plugins.load_task, "shared_task"), (plugins.store_factory, "sharedstore")):
        with pytest.raises(PluginConflictError) as caught:
            use(name)
        for part in ("rival-a 1.0", "rival-b 1.0", f'LILOTA_PLUGIN_CHOICE="{name}=rival-a"', "[tool.lilota]"):
            assert part in str(caught.value)
    assert caplog.text.count("Several distributions claim 'shared_task'") == 1


@pytest.mark.parametrize("key", ["shared_task", "lilota.tasks:shared_task"])
def test_a_choice_settles_a_conflict(install, key):
    """The other distribution's entry is disabled; other names stay in conflict."""
    install("rival_a", "rival_b")

    plugins = Plugins(Settings(plugin_choices={key: "Rival.B"}))

    assert plugins.load_task("shared_task").__module__ == "rival_b"
    assert record_of(plugins, "shared_task", "rival-a").state == "disabled"
    assert "plugin_choices" in record_of(plugins, "shared_task", "rival-a").error
    assert record_of(plugins, "sharedstore", "rival-a").state == "conflict"


def test_a_choice_of_a_distribution_that_does_not_claim_the_name_settles_nothing(install):
    """A typing error in the choice is said in the conflict."""
    install("rival_a", "rival_b")

    plugins = Plugins(Settings(plugin_choices={"shared_task": "rival-c"}))

    with pytest.raises(PluginConflictError, match="plugin_choices names 'rival-c', which does not claim it"):
        plugins.load_task("shared_task")


def test_blocking_one_of_two_settles_a_conflict_too(install):
    """What is disabled claims nothing."""
    install("rival_a", "rival_b")

    plugins = Plugins(Settings(plugins_blocked=("rival-a",)))

    assert plugins.load_task("shared_task").__module__ == "rival_b"


def test_a_hook_and_an_entry_point_can_be_in_conflict(install):
    """For tasks and for stores."""
    install("rival_a", "rival_by_hook")

    plugins = Plugins(Settings())

    for use, name in ((plugins.load_task, "shared_task"), (plugins.store_factory, "sharedstore")):
        with pytest.raises(PluginConflictError, match=r"rival-a 1.0, rival-by-hook 1.0"):
            use(name)


def test_a_choice_settles_a_conflict_with_a_hook(install):
    """A hook's contribution can be chosen like an entry."""
    install("rival_a", "rival_by_hook")

    plugins = Plugins(Settings(plugin_choices={"shared_task": "rival-by-hook", "sharedstore": "rival-a"}))

    assert plugins.load_task("shared_task").__name__ == "Contributed"
    assert plugins.store_factory("sharedstore").__module__ == "rival_a"


def test_strict_raises_a_conflict(install):
    """Even if nobody uses the name yet."""
    install("rival_a", "rival_b")

    with pytest.raises(PluginConflictError, match="Several distributions claim"):
        Plugins(Settings(strict_plugins=True))


# --- Switches ---


@pytest.mark.parametrize("pattern", ["good", "good-plugin", "GOOD_PLUGIN", "lilota.plugins:good"])
def test_a_blocked_plugin_is_not_imported_at_all(install, monkeypatch, pattern):
    """It can be named by its entry, by its distribution in any spelling, or by group and entry."""
    forget(monkeypatch, "good_plugin")
    install("good")

    plugins = Plugins(Settings(plugins_blocked=(pattern,)))

    assert "good_plugin" not in sys.modules
    assert record_of(plugins, "good").state == "disabled"
    assert "plugins_blocked" in record_of(plugins, "good").error


def test_only_allowed_plugins_are_used(install, monkeypatch):
    """An allow-list shuts out everything else, the built-in stores included."""
    forget(monkeypatch, "good_plugin")
    install("good")

    plugins = Plugins(Settings(plugins_allowed=("lilota.tasks:good_task", "lilota.stores:sqlite")))

    assert plugins.task_names() == ("good_task",)
    assert plugins.store_names() == ("sqlite",)
    assert "good_plugin" not in sys.modules


def test_the_block_list_is_stronger_than_the_allow_list(install):
    """What is on both is blocked."""
    install("good")

    plugins = Plugins(Settings(plugins_allowed=("Good.Plugin",), plugins_blocked=("lilota.tasks:computed_task",)))

    assert plugins.task_names() == ("good_task", "missing_task", "not_a_task")


def test_all_plugins_can_be_switched_off(install, monkeypatch):
    """Built-ins go through the same door; the error says which setting closed it."""
    forget(monkeypatch, "good_plugin")
    install("good")
    variable = "the environment variable LILOTA_NO_PLUGINS"

    plugins = Plugins(Settings(plugins_off=True, sources={"plugins_off": variable}))

    assert {record.state for record in plugins.records() if record.distribution != "lilota"} == {"disabled"}
    assert "good_plugin" not in sys.modules
    with pytest.raises(UnknownStoreError, match=f"memory.*switched off by plugins_off .{variable}"):
        plugins.store_factory("memory")
    with pytest.raises(UnknownTaskError, match=f"good_task.*switched off by plugins_off .{variable}"):
        plugins.load_task("good_task")


# --- Executors ---


@pytest.fixture
def elsewhere(install, tmp_path, monkeypatch):
    """A distribution that brings an executor, one that is broken, and one of the name of lilota's own."""
    entries = "elsewhere = elsewhere_executor:make\nbroken = no_such_module:make\nprocesses = elsewhere_executor:make\n"
    (tmp_path / "elsewhere_executor.py").write_text("def make(options): return None\n")
    install(write_distribution(tmp_path, "elsewhere", "1.0", f"[lilota.executors]\n{entries}"))
    forget(monkeypatch, "elsewhere_executor")


def test_an_executor_is_found_by_the_scheme_of_its_url(elsewhere):
    """Lilota's own stands among the others, and is found by its name."""
    plugins = Plugins(Settings(plugin_choices={"processes": "lilota"}))

    assert plugins.executor_factory("Elsewhere://user:secret@host:8786").__module__ == "elsewhere_executor"
    assert plugins.executor_factory("processes") is make_processes
    assert record_of(plugins, "processes", "lilota").state == "loaded"


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("elsewere://user:secret@host", ConfigurationError, "Unknown executor 'elsewere'. Did you mean 'elsewhere'?"),
        ("broken://host", PluginError, "LILOTA_DISABLE_PLUGINS=lilota.executors:broken"),
        ("processes", PluginConflictError, "elsewhere 1.0, lilota "),
    ],
)
def test_an_executor_that_can_not_be_used_is_refused_as_a_store_is(elsewhere, url, error, words):
    """The sentence has what to do, and no secret."""
    with pytest.raises(error) as refusal:
        Plugins(Settings()).executor_factory(url)

    assert words in str(refusal.value)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("switches", [{"plugins_off": True}, {"plugins_allowed": ("lilota-memory-store",)}])
def test_the_own_executor_is_no_plugin_that_has_to_be_allowed(elsewhere, switches):
    """Who allows some plugins still runs tasks, and an executor of others goes with their plugins."""
    plugins = Plugins(Settings(**switches))

    assert plugins.executor_factory("processes") is make_processes
    with pytest.raises(ConfigurationError, match="executor 'elsewhere' can't be used"):
        plugins.executor_factory("elsewhere")


def test_the_own_executor_can_be_blocked():
    """Where nothing shall run on this machine."""
    with pytest.raises(ConfigurationError, match=r"executor 'processes' can't be used.*blocked by plugins_blocked"):
        Plugins(Settings(plugins_blocked=("lilota.executors:processes",))).executor_factory("processes")


def test_workers_need_no_executors(elsewhere):
    """They are not sent what runs them."""
    assert "lilota.executors" not in {entry.group for entry in Plugins(Settings()).resolved()}


# --- Workers ---


def test_a_worker_uses_what_the_runner_resolved(install, monkeypatch):
    """The resolved entries pass through JSON, and nothing else on the path is used."""
    install("good")
    runner = Plugins(Settings(plugins_blocked=("lilota.tasks:good_task",)))
    resolved = msgspec.json.decode(msgspec.json.encode(runner.resolved()), type=tuple[PinnedEntry, ...])
    install("rival_a")

    worker = Plugins(runner.settings, pinned=resolved)

    assert worker.task_names() == runner.task_names()
    assert record_of(worker, "good").state == "loaded"
    assert worker.resolved() == runner.resolved()


def test_what_failed_in_the_runner_is_not_sent_to_workers(install):
    """A worker has no business with an entry that can't be used."""
    install("broken_import", "rival_a", "rival_b")

    names = {entry.name for entry in Plugins(Settings()).resolved()}

    assert names.isdisjoint({"broken_import", "shared_task", "sharedstore", "shared_plugin"})


def test_a_plugin_without_a_hook_for_workers_is_not_sent_to_them(install, tmp_path):
    """A worker process must not spend memory on commands that it will never run."""
    write_distribution(tmp_path, "commands-only", "1.0", "[lilota.plugins]\ncommands = commands_only_plugin\n")
    (tmp_path / "commands_only_plugin.py").write_text(
        "from lilota import hookimpl\n\n\n@hookimpl\ndef lilota_cli_commands():\n    return []\n"
    )
    install("good", tmp_path)
    plugins = Plugins(Settings())

    names = {entry.name for entry in plugins.resolved()}

    assert record_of(plugins, "commands").state == "loaded"
    assert "commands" not in names
    assert "good" in names


@pytest.mark.parametrize("loses", ["upgraded", "uninstalled"])
def test_a_worker_that_finds_another_version_of_a_plugin_is_none(install, tmp_path, loses):
    """A wrapper may stand for a transaction: without it nothing may run. The text has one remedy, a restart."""
    installed = tmp_path / "installed"
    shutil.copytree(FIXTURES / "good", installed)
    install(installed)
    resolved = Plugins(Settings()).resolved()
    change(installed, loses)

    with pytest.raises(PluginError) as raised:
        Plugins(Settings(), pinned=resolved)

    assert str(raised.value) == (
        "The plugin 'good' is not as the runner found it: that has Good.Plugin 1.2, "
        f"its worker process {FOUND[loses]}. Restart the runner, and let both see the same installation."
    )


@pytest.mark.parametrize("loses", ["upgraded", "uninstalled"])
def test_a_worker_that_finds_another_version_of_a_task_can_run_others(install, tmp_path, loses):
    """Only the task is refused, when it is needed: its class is not wrong, and upgrading its package no remedy."""
    installed = tmp_path / "installed"
    shutil.copytree(FIXTURES / "good", installed)
    install(installed)
    resolved = [entry for entry in Plugins(Settings()).resolved() if entry.group == "lilota.tasks"]
    change(installed, loses)

    worker = Plugins(Settings(), pinned=resolved)

    with pytest.raises(
        PluginError, match=f"The task 'good_task' is not .* process {FOUND[loses]}. Restart the runner"
    ) as raised:
        worker.load_task("good_task")
    assert "LILOTA_DISABLE_PLUGINS" not in str(raised.value)


def test_a_plugin_that_can_be_loaded_in_the_runner_only_is_not_left_out_in_a_worker(install, tmp_path, caplog):
    """The runner counts on it: the worker is none, and the error says which plugin, why, and what to do."""
    write_distribution(tmp_path, "one-process", "1.0", "[lilota.plugins]\nsole = one_process_plugin\n")
    (tmp_path / "one_process_plugin.py").write_text("raise RuntimeError('one process only')")
    install(tmp_path)
    entry = PinnedEntry(
        group="lilota.plugins", name="sole", value="one_process_plugin", distribution="one-process", version="1.0"
    )

    with pytest.raises(
        PluginError,
        match=r"'sole' of one-process 1.0 can't be used: RuntimeError: one process only \(.*one_process_plugin\.py, "
        r"line 1\)\. Turn",
    ):
        Plugins(Settings(), pinned=(entry,))

    assert caplog.text == ""


# --- Hooks ---


def test_an_observer_gets_the_record(install, caplog):
    """`observe` calls what a plugin implements; `has` tells whether there is anything to call."""
    caplog.set_level(logging.INFO, logger="good_plugin")
    install("good")
    plugins = Plugins(Settings())

    plugins.observe("lilota_tasks_added", added=TasksAdded(ids=(1,), names=("resize",)))

    assert plugins.has("lilota_tasks_added")
    assert not plugins.has("lilota_attempt_progress")
    assert "saw ('resize',)" in caplog.text


def test_an_observer_that_raises_harms_nobody(install, caplog):
    """Its error is logged with the plugin's name, and the next observer is called."""
    caplog.set_level(logging.INFO, logger="good_plugin")
    install("raising_observer", "good")
    plugins = Plugins(Settings())

    plugins.observe("lilota_tasks_added", added=TasksAdded(ids=(1,), names=("resize",)))

    assert "'raising_observer' of raising-observer 1.0 failed in lilota_tasks_added: OSError" in caplog.text
    assert "saw ('resize',)" in caplog.text


def test_an_observer_that_fails_ten_times_in_a_row_is_suspended(install, caplog):
    """A success in between starts the count again; the record and one warning say what happened."""
    install("raising_observer")
    plugins = Plugins(Settings(plugins_allowed=("raising-observer",)))
    bad, fine = TasksAdded(ids=(1,), names=("bad",)), TasksAdded(ids=(1,), names=("fine",))

    for added in [bad] * 9 + [fine] + [bad] * 9:
        plugins.observe("lilota_tasks_added", added=added)
    still_called = plugins.has("lilota_tasks_added")
    for _ in range(5):
        plugins.observe("lilota_tasks_added", added=bad)

    assert still_called
    assert not plugins.has("lilota_tasks_added")
    assert "suspended: it failed 10 times in a row" in record_of(plugins, "raising_observer").error
    assert record_of(plugins, "raising_observer").state == "loaded"
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 19
    assert len([r for r in caplog.records if r.levelno == logging.WARNING]) == 1


def run_alone(plugins, attempt):
    return plugins.run_attempt(attempt)


def run_shared(plugins, attempt):
    return asyncio.run(plugins.run_shared_attempt(attempt))


either_way = pytest.mark.parametrize("run", [run_alone, run_shared])


@either_way
def test_an_attempt_runs_inside_the_wrappers_of_plugins(install, run):
    """A wrapper sees the attempt and what `run` returned, and gives the result; beside others, too."""
    install("good")
    plugins = Plugins(Settings())

    result = run(plugins, attempt_of(lambda: {"size": 1}))

    assert result == {"wrapped": {"size": 1}, "task": "resize"}


@either_way
def test_a_wrapper_sees_what_the_task_raises(install, run):
    """It may handle it; what it does not handle goes on."""
    install("good")
    plugins = Plugins(Settings())

    def fail_with(error):
        raise error

    assert run(plugins, attempt_of(lambda: fail_with(ValueError("small")))) == {"mended": "small"}
    with pytest.raises(KeyError, match="large"):
        run(plugins, attempt_of(lambda: fail_with(KeyError("large"))))


def test_a_wrapper_waits_with_its_coroutine_while_others_run(install):
    """Each has its own."""
    install("good")
    plugins = Plugins(Settings())
    seen = []

    async def wait(number):
        seen.append(number)
        await asyncio.sleep(0)
        seen.append(number)
        return {"size": number}

    async def run():
        attempts = (attempt_of(lambda number=number: wait(number)) for number in (1, 2))
        return await asyncio.gather(*map(plugins.run_shared_attempt, attempts))

    results = asyncio.run(run())

    assert seen == [1, 2, 1, 2]
    assert [result["wrapped"] for result in results] == [{"size": 1}, {"size": 2}]


@either_way
def test_without_wrappers_an_attempt_is_a_plain_call(run):
    """No plugin, no cost."""
    plugins = Plugins(Settings(plugins_off=True))

    assert run(plugins, attempt_of(lambda: {"size": 1})) == {"size": 1}
    assert not plugins.has("lilota_run_attempt")


@pytest.mark.parametrize("hook", [name for name in vars(LilotaHooks) if not name.startswith("_")])
def test_every_hook_says_where_it_is_called_and_what_happens_if_it_raises(hook):
    """The docstring of a hook is its documentation."""
    documentation = getattr(LilotaHooks, hook).__doc__

    assert "Called in:" in documentation
    assert "If it raises:" in documentation
