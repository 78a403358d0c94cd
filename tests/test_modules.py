"""Modules that declare tasks are imported when a name is looked for that nobody knows otherwise, and only once."""

from __future__ import annotations

import sys
import textwrap

import pytest

from lilota.config import Settings
from lilota.errors import InvalidTaskError, UnknownTaskError
from lilota.plugins import Plugins
from lilota.registry import Registry


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Write modules, and make a registry whose settings name them."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def make_registry(**sources: str) -> Registry:
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text("from lilota import task\n" + textwrap.dedent(source))
        configured = {"configured": "modules_nowhere:Class"}
        return Registry(Plugins(Settings(modules=tuple(sources), tasks=configured, plugins_off=True)))

    yield make_registry
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def declaring(name: str) -> str:
    return f"@task\ndef {name}(): ...\n"


def test_only_a_name_that_nobody_knows_otherwise_has_them_imported(make):
    """A program that adds what is configured pays for no import."""
    registry = make(modules_lazy=declaring("paint"))

    registry.check("configured")
    before = "modules_lazy" in sys.modules
    registry.check("paint")

    assert not before
    assert registry.names() == ("configured", "paint")
    assert registry.references() == {"configured": "modules_nowhere:Class", "paint": "modules_lazy:paint"}
    assert registry.resolve("paint").__module__ == "modules_lazy"


def test_a_module_that_fails_declares_nothing_and_is_said_once(make, caplog):
    """Not even what stands above the mistake: worker processes could not import it."""
    registry = make(modules_failing=declaring("saw") + "1 / 0\n", modules_fine=declaring("weld"))

    known = [registry.knows(name) for name in ("saw", "weld", "saw")]

    assert known == [False, True, False]
    assert registry.modules() == ("modules_fine",)
    [line] = [record.getMessage() for record in caplog.records if record.name == "lilota.modules"]
    assert line.startswith("The module 'modules_failing' can't be imported: ZeroDivisionError: division by zero (/")
    assert "modules_failing.py, line 4" in line
    with pytest.raises(UnknownTaskError, match="What 'modules_failing' would declare is not known: see the log"):
        registry.check("sew")


def test_a_module_may_look_for_names_while_it_is_imported(make, monkeypatch):
    """Such as one that makes a client and adds what it has declared."""
    registry = make(
        modules_asking=declaring("fold") + "import builtins\nknown = builtins.asked.knows('fold')\n",
        modules_later=declaring("cut"),
    )
    monkeypatch.setattr("builtins.asked", registry, raising=False)

    assert registry.knows("cut")
    assert sys.modules["modules_asking"].known


@pytest.mark.parametrize(
    "raised", ["raise SystemExit('no licence')", "raise BaseException", "import os; os.chdir('/')"]
)
def test_what_a_module_does_harms_no_program(make, tmp_path, monkeypatch, raised):
    """It may end neither it nor a thread of it, nor move it to another folder."""
    monkeypatch.chdir(tmp_path)
    registry = make(modules_harmful=raised, modules_harmless=declaring("iron"))

    assert registry.knows("iron")
    assert tmp_path.samefile(".")


def test_a_name_that_two_modules_declare_stands_for_nothing(make):
    """Both are named, in whichever process they were imported."""
    registry = make(modules_one=declaring("sweep"), modules_two=declaring("sweep"))
    elsewhere = make(modules_one=declaring("sweep"), modules_two=declaring("sweep"))
    found = [("sweep", "one"), ("sweep", "two"), ("mop", "two")]
    elsewhere.take_over({}, [(name, f"modules_{number}:{name}") for name, number in found])

    for each in (registry, elsewhere):
        assert "sweep" not in each.references()
        with pytest.raises(InvalidTaskError, match="as modules_one:sweep and modules_two:sweep"):
            each.check("sweep")
    assert elsewhere.conflicts()[0].startswith("The task 'sweep' was declared more than once")
    assert elsewhere.references()["mop"] == "modules_two:mop"
