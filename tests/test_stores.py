"""How a store is opened by name or URL, and what is said about those that can't be."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pytest

from lilota import stores
from lilota.config import Settings
from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, PluginConflictError, PluginError, StoreGoneError, UnknownStoreError
from lilota.models import NewTask
from lilota.plugins import Plugins
from lilota.stores import StoreManager, ensure_store, open_store, redacted

FIXTURES = Path(__file__).parent / "fixture_distributions"


@pytest.fixture
def make_plugins(monkeypatch):
    """Have fixture distributions installed."""

    def make(*installed, **settings):
        for name in installed:
            monkeypatch.syspath_prepend(str(FIXTURES / name))
        return Plugins(Settings(**settings))

    return make


def test_a_store_is_opened_by_its_bare_name(make_plugins):
    """The memory store lives in the calling process."""
    store = open_store("memory", plugins=make_plugins())

    assert isinstance(store, stores.MemoryTaskStore)
    assert isinstance(store, TaskStore)


@pytest.mark.parametrize("address", ["goodstore", "goodstore://user@host/name", "GoodStore://host"])
def test_a_store_of_a_stranger_gets_the_address_as_it_was_written(make_plugins, address):
    """Its scheme is found whatever the case of its letters."""
    store = open_store(address, plugins=make_plugins("good"))

    assert store.opened_with == address


def test_without_an_address_the_configured_store_is_opened(make_plugins):
    """It comes from the settings of the plugins."""
    store = open_store(plugins=make_plugins("good", store="goodstore://configured"))

    assert store.opened_with == "goodstore://configured"


def test_without_plugins_the_installed_ones_are_looked_for(monkeypatch, tmp_path):
    """A program that only looks needs one call."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LILOTA_STORE", "memory")

    assert isinstance(open_store(), stores.MemoryTaskStore)


def test_a_store_that_a_hook_contributes_can_be_opened(make_plugins):
    """It is found like one of an entry point."""
    store = open_store("computedstore://x", plugins=make_plugins("good"))

    assert store.opened_with == "computedstore://x"


def test_an_unknown_scheme_lists_the_installed_stores(make_plugins):
    """The nearest one is a hint; the rest of the URL, with its password, is not repeated."""
    with pytest.raises(UnknownStoreError) as caught:
        open_store(
            "sqlight://user:secret@host/db",
            plugins=make_plugins(plugins_allowed=("lilota-memory-store", "lilota-sqlite-store")),
        )

    assert str(caught.value).startswith("Unknown store 'sqlight'. Did you mean 'sqlite'? Installed: 'memory', 'sqlite'")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "package"),
    [("postgresql", "lilota-postgres-store"), ("redis", "lilota-redis-store"), ("django", "lilota-django")],
)
def test_a_store_of_a_package_that_is_not_installed_names_the_package(make_plugins, scheme, package):
    """Who has read of a store and has its URL is told what to install."""
    with pytest.raises(UnknownStoreError) as caught:
        open_store(f"{scheme}://host/db", plugins=make_plugins(plugins_blocked=[f"lilota.stores:{scheme}"]))

    assert package in str(caught.value)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("tasks.db", "sqlite:///tasks.db"),
        ("/srv/app/tasks.db", "sqlite:////srv/app/tasks.db"),
        ("C:\\data\\tasks.db", "sqlite:///C:/data/tasks.db"),
        ("data/tasks", "sqlite:///data/tasks"),
    ],
)
def test_a_path_gets_the_url_as_a_hint(make_plugins, address, url):
    """A path alone does not say which store reads it."""
    with pytest.raises(UnknownStoreError, match=f"is a path.*write '{url}'"):
        open_store(address, plugins=make_plugins())


@pytest.mark.parametrize("address", ["memory:/tasks", "memory:tasks.db", "Memory:"])
def test_a_url_without_its_slashes_is_no_path(make_plugins, address):
    """It begins with the name of a store."""
    with pytest.raises(UnknownStoreError, match=r"a colon and two slashes after its name: 'memory://\.\.\.'"):
        open_store(address, plugins=make_plugins())


@pytest.mark.parametrize("address", ["user:secret@host/db", "://", "", "postgresql:secret@host", "sqlite:secret"])
def test_an_address_that_is_none_is_refused_without_repeating_secrets(make_plugins, address):
    """Whatever was typed, a password in it stays unsaid."""
    with pytest.raises(UnknownStoreError) as caught:
        open_store(address, plugins=make_plugins())

    assert "secret" not in str(caught.value)


def test_a_blocked_store_says_which_setting_blocks_it(make_plugins):
    """Built-in stores can be blocked like others."""
    plugins = make_plugins(plugins_blocked=("memory",))

    with pytest.raises(UnknownStoreError, match=r"'memory' can't be used.*blocked by plugins_blocked"):
        open_store("memory", plugins=plugins)


def test_a_store_that_two_distributions_claim_is_not_opened(make_plugins):
    """The error names the setting that chooses."""
    with pytest.raises(PluginConflictError, match='LILOTA_PLUGIN_CHOICE="sharedstore=rival-a"'):
        open_store("sharedstore://x", plugins=make_plugins("rival_a", "rival_b"))


def test_a_store_that_lacks_methods_is_refused(make_plugins):
    """A package for an older lilota is found out at once."""
    with pytest.raises(PluginError, match=r"'halfstore://u:\*\*\*@h' is not complete: it lacks close\(\)"):
        open_store("halfstore://u:secret@h", plugins=make_plugins("good"))


# --- What a caller passes as a store ---


def test_a_store_is_taken_as_it_is(make_plugins):
    """`TaskRunner(store)` gets the very store."""
    store = stores.MemoryTaskStore()

    assert ensure_store(store, plugins=make_plugins()) is store


StoreManager.register("Store", stores.MemoryTaskStore)


def test_a_proxy_of_a_manager_is_a_store():
    """Its methods are there, though it is no instance of a store; it can be sent to another process."""
    with StoreManager() as manager:
        proxy = manager.Store()
        store = ensure_store(proxy)
        copy = pickle.loads(pickle.dumps(store))

        (task_id,) = store.add([NewTask(name="task")])

        assert proxy.get(task_id).name == "task"
        assert copy.get(task_id) == proxy.get(task_id)


def test_a_store_whose_manager_has_ended_says_so():
    """What the broken connection happens to raise would tell nobody what to do."""
    manager = StoreManager()
    manager.start()
    store = ensure_store(manager.Store())
    manager.shutdown()

    with pytest.raises(StoreGoneError, match="The process of the StoreManager that holds the tasks has ended"):
        store.counts()


@pytest.mark.parametrize("address", ["goodstore://x", None])
def test_a_name_or_nothing_is_opened(make_plugins, address):
    """The shortest way to a runner."""
    store = ensure_store(address, plugins=make_plugins("good", store="goodstore://x"))

    assert store.opened_with == "goodstore://x"


@pytest.mark.parametrize(
    ("thing", "problem"),
    [
        (5, r"not int: it lacks open\(\), close\(\)"),
        (Path("tasks.db"), "its name or its URL, not PosixPath"),
    ],
)
def test_something_else_is_refused_with_what_it_lacks(make_plugins, thing, problem):
    """The message lists the missing methods."""
    with pytest.raises(ConfigurationError, match=problem):
        ensure_store(thing, plugins=make_plugins())


def test_a_class_instead_of_a_store_is_refused(make_plugins):
    """It has all the methods, but nothing to call them on."""
    with pytest.raises(ConfigurationError, match=r"pass MemoryTaskStore\(\)"):
        ensure_store(stores.MemoryTaskStore, plugins=make_plugins())


# --- The seed's names ---


def test_without_the_memory_store_its_import_says_what_to_install(monkeypatch):
    """`MemoryTaskStore` is a package of its own."""
    monkeypatch.setitem(sys.modules, "lilota_memory_store", None)

    with pytest.raises(ImportError, match="pip install lilota-memory-store"):
        from lilota.stores import MemoryTaskStore  # noqa: F401 - the import is the test


def test_another_name_is_not_invented():
    """The lazy import answers for one name only."""
    with pytest.raises(AttributeError, match="NoSuchStore"):
        _ = stores.NoSuchStore


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:///tasks.db", "sqlite:///tasks.db"),
        ("postgresql://me@host/db", "postgresql://me@host/db"),
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:se/cr@et@host/db", "postgresql://me:***@host/db"),
        ("postgresql://host/db?user=me&password=secret&x=1", "postgresql://host/db?user=me&password=***&x=1"),
        ("redis://:secret@host", "redis://:***@host"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    """For errors, logs and the command line."""
    assert redacted(url) == shown
