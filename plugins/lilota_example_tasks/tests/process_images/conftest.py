"""Fixtures: a folder for images, and a way to run the task on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lilota_example_tasks.process_images import ProcessImages


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return an empty folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


@pytest.fixture
def run_images(make_task: Callable[..., Any], images: Path, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what runs the task from `images` to `target`, and gives its output; more of the input can be given."""

    def run(**keys: object) -> dict[str, Any]:
        data = {"source": str(images), "target": str(tmp_path / "target"), **keys}
        output: dict[str, Any] = make_task(ProcessImages, "process_images", data).run()
        return output

    return run
