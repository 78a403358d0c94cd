"""Which program of Redis or Valkey the servers for tests are."""

from __future__ import annotations

from pathlib import Path

import pytest
from lilota_test_servers import ServerUnavailableError
from lilota_test_servers.programs import redis_program


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the variable names."""
    monkeypatch.setenv("LILOTA_TEST_REDIS_PROGRAMS", str(tmp_path))
    return tmp_path


def make_program(path: Path) -> Path:
    path.touch(mode=0o755)
    return path


@pytest.mark.parametrize("name", ["redis-server", "valkey-server"])
def test_a_variable_names_the_folder_of_another_version(folder: Path, name: str) -> None:
    """Whichever of the two kinds is there; so all tests that do not ask for one kind run on it."""
    program = make_program(folder / name)

    assert redis_program(None) == program


def test_a_program_that_is_asked_for_wins_over_the_variable(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """By its path, or by its name on the PATH."""
    make_program(folder / "redis-server")
    other = make_program(tmp_path_factory.mktemp("other") / "redis-server")

    assert redis_program(str(other)) == other


def test_a_folder_without_a_program_is_named(folder: Path) -> None:
    """The variable is named too."""
    with pytest.raises(ServerUnavailableError, match=r"LILOTA_TEST_REDIS_PROGRAMS is .*no program `valkey-server` or"):
        redis_program(None)
