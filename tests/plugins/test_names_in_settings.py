"""The names in `plugins_allowed`, `plugins_blocked` and `plugin_choices`: whom they mean, and when they mean nobody."""

from __future__ import annotations

import sys

import pytest
from distributions import record_of, write_distribution

from lilota.config import Settings
from lilota.errors import PluginError
from lilota.plugins import Plugins


@pytest.fixture
def words(install, tmp_path, monkeypatch):
    """A package with a task, and a plugin whose module a test writes."""
    monkeypatch.delitem(sys.modules, "words_plugin", raising=False)
    entries = "[lilota.tasks]\ncount_words = words_tasks:Count\n[lilota.plugins]\nwords = words_plugin\n"
    install(write_distribution(tmp_path / "words", "word-tasks", "1.0", entries))
    return tmp_path / "words"


# --- Whom they mean ---


@pytest.mark.parametrize("name", ["lilota-sqlite-store", "lilota.stores:sqlite", "lilota.tasks:other"])
def test_an_entry_that_bears_the_name_of_an_allowed_package_is_not_allowed(install, tmp_path, monkeypatch, name):
    """Anybody may call an entry so; a bare name in the allow-list is a package, and nothing else."""
    entries = f"[lilota.plugins]\n{name} = impostor_plugin\n[lilota.tasks]\n{name} = impostor_plugin:Task\n"
    install(write_distribution(tmp_path, "impostor", "1.0", entries))
    (tmp_path / "impostor_plugin.py").write_text("raise SystemExit('imported')")

    plugins = Plugins(Settings(plugins_allowed=(name, "lilota-sqlite-store")))

    assert {record.state for record in plugins.records() if record.distribution == "impostor"} == {"disabled"}
    assert "impostor_plugin" not in sys.modules
    assert record_of(plugins, "sqlite").state == "not loaded"


@pytest.mark.parametrize(
    ("folder_name", "version"),
    [("impostor-9.0", "9.0"), ("lilota_sqlite_store_impostor-9.0", "9.0"), ("lilota_sqlite-9.0", "store-9.0")],
)
def test_a_package_that_lies_about_its_name_is_not_allowed(install, tmp_path, folder_name, version):
    """Its folder says whose metadata it is."""
    entries, folder = "[lilota.tasks]\nt = x:Y\n", f"{folder_name}.dist-info"
    install(write_distribution(tmp_path, "lilota-sqlite-store", version, entries, folder_name=folder))

    plugins = Plugins(Settings(plugins_allowed=("lilota-sqlite-store",)))

    assert record_of(plugins, "t").state == "disabled"
    assert record_of(plugins, "t").distribution == folder_name.partition("-")[0].replace("_", "-")
    assert record_of(plugins, "sqlite").state == "not loaded"


def test_an_allowed_entry_is_spelt_with_its_group(words):
    """Alone it allows nothing; what was meant is said."""
    (words / "words_plugin.py").write_text("")

    assert "count_words" in Plugins(Settings(plugins_allowed=("lilota.tasks:count_words",))).task_names()
    bare = Plugins(Settings(plugins_allowed=("count_words",)))
    assert "count_words" not in bare.task_names()
    assert "Did you mean 'lilota.tasks:count_words'?" in bare.remarks()[0]


@pytest.mark.parametrize("name", ["count_words", "lilota.tasks:count_words", "Word.Tasks"])
def test_a_blocked_entry_may_be_named_alone(words, name):
    """That can only block more."""
    (words / "words_plugin.py").write_text("")

    plugins = Plugins(Settings(plugins_blocked=(name,)))

    assert record_of(plugins, "count_words").state == "disabled"
    assert plugins.remarks() == ()


# --- When they mean nobody ---

HOOKS = """
from lilota import TaskBase, hookimpl

class Hooked(TaskBase):
    def run(self):
        return None

@hookimpl
def lilota_tasks():
    return {"hooked_task": Hooked}

@hookimpl
def lilota_stores():
    return {"hookedstore": lambda url: None}

@hookimpl
def lilota_cli_commands():
    return []
"""


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        ({"plugins_blocked": ("word-taks",)}, ["plugins_blocked", "'word-taks'", "Did you mean 'word-tasks'?"]),
        ({"plugins_blocked": ("count_wrods",)}, ["'count_wrods'", "Did you mean 'count_words'?"]),
        ({"plugins_blocked": ("evil",)}, ["plugins_blocked", "'evil'"]),
        ({"plugins_blocked": ("lilota.tasks:unlike",)}, ["'lilota.tasks:unlike'"]),
        ({"plugins_allowed": ("word-tasks", "wrod")}, ["plugins_allowed", "'wrod'"]),
        ({"plugins_allowed": ("lilota.task:count_words",)}, ["Did you mean 'lilota.tasks:count_words'?"]),
        ({"plugins_allowed": ("word-tasks", "lilota.tasks:count_wrods")}, ["Did you mean 'count_words'?"]),
        ({"plugin_choices": {"count_words": "wordtasks"}}, ["'count_words=wordtasks'", "Did you mean 'word-tasks'?"]),
        ({"plugin_choices": {"sqllite": "lilota-sqlite-store"}}, ["'sqllite=lilota-sqlite-store'", "mean 'sqlite'?"]),
    ],
)
def test_a_name_that_fits_nothing_is_said_once(words, caplog, settings, parts):
    """By one warning, with the place of the setting; in strict mode by an error."""
    (words / "words_plugin.py").write_text(HOOKS)
    setting = next(iter(settings))
    sources = {setting: "the file lilota.toml"}

    plugins = Plugins(Settings(**settings, sources=sources))
    plugins.store_names()
    plugins.store_names()

    [remark] = plugins.remarks()
    assert caplog.messages == [remark]
    for part in (*parts, f"{setting} (the file lilota.toml)"):
        assert part in remark
    with pytest.raises(PluginError, match=setting):
        Plugins(Settings(**settings, strict_plugins=True)).store_names()


@pytest.mark.parametrize(
    "settings",
    [
        {"plugins_blocked": ("hooked_task", "hookedstore")},
        {"plugins_blocked": ("lilota.stores:hookedstore", "lilota", "WORD_TASKS")},
        {"plugins_blocked": ("word-tasks", "lilota.tasks:hooked_task")},
        {"plugins_allowed": ("word-tasks", "lilota-memory-store")},
        {"plugins_off": True, "plugins_blocked": ("nothing",)},
        {"plugin_choices": {"count_words": "Word.Tasks", "lilota.tasks:hooked_task": "word-tasks"}},
        {"plugin_choices": {"a_command": "word-tasks"}},
    ],
)
def test_a_name_that_only_a_hook_knows_is_no_mistake(words, caplog, settings):
    """Hooks contribute tasks, stores and commands, some of them later, or not while their plugin is blocked."""
    (words / "words_plugin.py").write_text(HOOKS)

    plugins = Plugins(Settings(**settings, strict_plugins=True))

    assert plugins.remarks() == ()
    assert caplog.messages == []


def test_a_worker_process_says_nothing_of_names(words):
    """It has only a part of the entries, and its runner has said it."""
    settings = Settings(plugins_blocked=("nothing",))

    assert Plugins(settings, pinned=Plugins(settings).resolved()).remarks() == ()
