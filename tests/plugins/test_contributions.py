"""What a contributing hook may return, and what its plugin is left out for."""

from __future__ import annotations

import pytest

from lilota import task as make_task
from lilota.errors import InvalidTaskError
from lilota.models import TaskBase
from lilota.plugins.contributions import as_factory, as_list, contributed_entries
from lilota.plugins.records import MODULES, Entry, PinnedEntry


class Resize(TaskBase):
    def run(self):
        return None


@make_task
def crop(photo: str) -> str:
    return photo


@pytest.fixture
def plugin():
    pinned = PinnedEntry(group=MODULES, name="shop", value="shop", distribution="shop", version="1.0", folder="")
    return Entry(pinned=pinned)


@pytest.mark.parametrize("hook_name", ["lilota_tasks", "lilota_stores"])
def test_a_hook_that_returns_nothing_contributes_nothing(plugin, hook_name):
    """A plugin may decide when it is asked."""
    assert contributed_entries(hook_name, plugin, None) == []
    assert as_list(plugin, None) == []


def test_a_function_with_the_decorator_is_contributed_like_a_class(plugin):
    """What runs it is its class."""
    (entry,) = contributed_entries("lilota_tasks", plugin, {"crop": crop})

    assert (entry.pinned.name, entry.loaded) == ("crop", crop.task_class)


def test_each_name_becomes_an_entry_of_its_plugin(plugin):
    """As if it stood in the metadata, and loaded already."""
    (task,) = contributed_entries("lilota_tasks", plugin, {"resize": Resize})
    (store,) = contributed_entries("lilota_stores", plugin, {"shop": dict})

    assert (task.pinned.name, task.loaded, task.contributor) == ("resize", Resize, plugin)
    assert (store.pinned.name, store.loaded, store.state) == ("shop", dict, "loaded")
    assert as_list(plugin, (1, 2)) == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda plugin: contributed_entries("lilota_tasks", plugin, [Resize]), TypeError, "must return a mapping"),
        (lambda plugin: contributed_entries("lilota_tasks", plugin, {"a": 1}), InvalidTaskError, "of shop 1.0"),
        (lambda plugin: contributed_entries("lilota_tasks", plugin, {1: Resize}), InvalidTaskError, "name"),
        (lambda plugin: contributed_entries("lilota_stores", plugin, {"a": 1}), TypeError, "by a callable"),
        (lambda plugin: as_list(plugin, "text"), TypeError, "of shop 1.0 must return a list, not str"),
        (lambda plugin: as_list(plugin, 1), TypeError, "must return a list, not int"),
        (lambda _plugin: as_factory(None), TypeError, "not by NoneType"),
    ],
)
def test_what_a_hook_does_not_ask_for_is_refused(plugin, wrong, error, words):
    """The error says what was wanted, and of whom."""
    with pytest.raises(error, match=words):
        wrong(plugin)
