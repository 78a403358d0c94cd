"""Plugins decide what is added: they let tasks through, give them headers, or refuse them."""

from __future__ import annotations

import sys
import textwrap

import pytest
from distributions import write_distribution
from msgspec.structs import replace
from testing_tasks import Echo

from lilota.client import TaskClient
from lilota.config import Settings
from lilota.errors import ConfigurationError, PluginError, TaskRefusedError
from lilota.hookspecs import TaskToAdd
from lilota.models import NewTask, TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.stores import open_store


@pytest.fixture
def client(install, tmp_path, monkeypatch):
    """Return what makes a client of a new store, in a process with plugins that implement the hook so."""
    clients = []

    def make(**bodies):
        for name, body in bodies.items():
            code = f"import lilota\nfrom lilota import hookimpl\n@hookimpl\ndef lilota_before_add(task):\n{body}"
            (tmp_path / f"{name}.py").write_text(code)
            write_distribution(tmp_path, name, "1.0", f"[lilota.plugins]\n{name} = {name}\n")
            monkeypatch.delitem(sys.modules, name, raising=False)
        install(tmp_path)
        made = TaskClient(open_store("memory"), registry=Registry(Plugins(Settings())))
        made.register("work", Echo)
        clients.append(made)
        return made

    yield make
    for name in ("first", "second"):
        sys.modules.pop(name, None)


def body(code):
    return textwrap.indent(textwrap.dedent(code), "    ")


REFUSES_LARGE = body("""
    if task.input.get("size", 0) > 10:
        raise lilota.errors.TaskRefusedError(f"{task.new_task.name} takes at most 10, not {task.input['size']}.")
""")


def test_a_refused_task_is_not_added(client):
    """Its adder gets the sentence of the plugin, and the store has nothing."""
    client = client(first=REFUSES_LARGE)
    client.add("work", input={"size": 10})

    with pytest.raises(TaskRefusedError, match=r"^work takes at most 10, not 11\.$"):
        client.add("work", input={"size": 11})

    assert [task.input for task in client.find()] == [{"size": 10}]


def test_of_several_tasks_all_are_added_or_none(client):
    client = client(first=REFUSES_LARGE)

    with pytest.raises(TaskRefusedError):
        client.add_many([{"name": "work", "input": {"size": size}} for size in (1, 2, 11)])

    assert list(client.find()) == []


def test_map_asks_too(client):
    """What is refused is raised in its place, behind the results of those before."""
    client = client(first=REFUSES_LARGE)

    with pytest.raises(TaskRefusedError):
        next(client.map("work", [{"size": 11}]))

    assert list(client.find()) == []


def test_a_plugin_adds_headers(client):
    """They come beside those that were given, and take the place of those of the same keys."""
    client = client(first=body("return {'trace': 'abc', 'tenant': 'ours'}"))

    handle = client.add("work", headers={"tenant": "theirs", "user": 17})

    assert handle.info().headers == {"tenant": "ours", "user": 17, "trace": "abc"}


def test_one_plugin_sees_the_headers_of_another(client):
    """They are asked one after the other."""
    adds = body("return {**task.headers, task.new_task.name + str(len(task.headers)): True}")
    client = client(first=adds, second=adds)

    handle = client.add("work")

    assert handle.info().headers == {"work0": True, "work1": True}


def test_a_plugin_sees_what_comes_before_in_the_same_call(client):
    """So a limit holds within one call, too."""
    limit = """
        if len(task.earlier) + len(task.store.get_all_tasks()) >= 3:
            raise lilota.errors.TaskRefusedError("Three are enough.")
    """
    client = client(first=body(limit))

    client.add_many([{"name": "work"}] * 2)
    with pytest.raises(TaskRefusedError):
        client.add_many([{"name": "work"}] * 2)
    client.add("work")

    assert len(list(client.find())) == 3


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise OSError('the disk is full')", "OSError: the disk is full"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("return 'yes'", "must be a dict, not str"),
        ("return {'lilota.hidden': []}", "keys that begin with 'lilota.' are lilota's own"),
        ("return {'at': object()}", "of type object"),
        ("return {'long': 'x' * 20_000}", "the limit is 16,384"),
    ],
)
def test_a_gate_that_fails_lets_nothing_through(client, code, said):
    """The plugin is named, and how to do without it."""
    client = client(first=body(code))

    with pytest.raises(PluginError) as caught:
        client.add("work")

    assert said in str(caught.value)
    assert "Nothing was added, because the plugin 'first' of first 1.0 failed in lilota_before_add" in str(caught.value)
    assert "LILOTA_DISABLE_PLUGINS=first" in str(caught.value)
    assert list(client.find()) == []


def test_a_failure_does_not_wear_a_gate_out(client):
    """An observer is suspended when it fails again and again; a gate is asked as often as somebody adds."""
    client = client(first=body("raise OSError('the disk is full')"))

    for _ in range(12):
        with pytest.raises(PluginError):
            client.add("work")

    assert list(client.find()) == []


def test_a_retry_asks_nobody(client):
    """The task was let in once."""
    client = client(first=body("if task.store.get_all_tasks(): raise lilota.errors.TaskRefusedError('One is enough.')"))
    handle = client.add("work")
    handle.cancel()

    handle.retry()

    assert handle.info().state is TaskState.PENDING


def test_headers_of_a_plugin_are_refused_by_a_store_that_keeps_none(client, monkeypatch):
    """They would be lost without a word."""
    client = client(first=body("return {'trace': 'abc'}"))
    monkeypatch.setitem(client.__dict__, "_capabilities", _without_headers(client.store.capabilities()))

    with pytest.raises(ConfigurationError, match="does not support headers; nothing was added"):
        client.add("work")


def test_what_a_plugin_does_to_an_input_changes_nothing(client):
    """It looks at a copy."""
    client = client(first=body("task.input.clear()"))

    handle = client.add("work", input={"size": 1})

    assert handle.info().input == {"size": 1}


def test_a_task_to_add_shows_no_secret():
    """A plugin may log what it is asked about."""
    hidden = '{"lilota.hidden":["key"]}'
    task = NewTask(name="work", input_json='{"key":"s3cret-value"}', headers_json=hidden)

    assert "s3cret" not in repr(TaskToAdd(new_task=task, earlier=(), store=open_store("memory")))


def _without_headers(capabilities):
    return replace(capabilities, supports=frozenset())
