"""What a task takes and gives, told to a program that does not import it."""

from __future__ import annotations

import sys

import pytest

from lilota.config import Settings
from lilota.describing import describe, known_names, knows
from lilota.errors import LilotaError, UnknownTaskError
from lilota.plugins import Plugins
from lilota.registry import Registry

TASKS = '''
from lilota import task

@task
def elsewhere_made(month: str, pages: int = 3) -> str:
    """Make a report."""
'''


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """The registry of a program beside which a module with tasks lies, and one that is broken."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports_elsewhere.py").write_text(TASKS)
    (tmp_path / "broken_elsewhere.py").write_text("raise RuntimeError('no licence')")
    tasks = {"broken": "broken_elsewhere:Task"}
    settings = Settings(modules=("reports_elsewhere",), tasks=tasks)
    return Registry(Plugins(settings), settings)


def test_a_task_is_described_without_being_imported_here(registry):
    """A program that runs for long keeps out what imports do, and sees code that has changed."""
    found = describe("elsewhere_made", registry)

    assert found.docstring == "Make a report."
    assert [(each.name, each.type, each.is_required) for each in found.parameters] == [
        ("month", "str", True),
        ("pages", "int", False),
    ]
    assert found.returns == "str"
    assert "reports_elsewhere" not in sys.modules


def test_names_that_modules_declare_are_known_without_importing_them(registry):
    """As `lilota tasks` knows them."""
    assert knows("elsewhere_made", registry)
    assert not knows("nowhere", registry)
    assert {"elsewhere_made", "broken"} <= set(known_names(registry))
    assert "reports_elsewhere" not in sys.modules


def test_a_task_that_can_not_be_imported_says_why(registry):
    """And one that is nowhere is unknown."""
    with pytest.raises(LilotaError, match="no licence"):
        describe("broken", registry)
    with pytest.raises(UnknownTaskError):
        describe("nowhere", registry)
