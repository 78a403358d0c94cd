"""Whatever a task writes to the runner in the name of its worker: its neighbours end, rightly, and the runner goes on.

`LILOTA_FRAMES=1000000 LILOTA_SEED=1 pytest tests/engine/test_forged_frames.py` forges more frames, the same each time.
"""

from __future__ import annotations

import logging
import os
import random
from functools import partial

import pytest
from forged_frames import forge
from forgers import NAMES, ROGUE, Forgers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runner_tasks import Hash
from running import until

from lilota.client import TaskHandle
from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner

_FRAMES = int(os.environ.get("LILOTA_FRAMES", "1000"))
_SEED = os.environ.get("LILOTA_SEED", "1")


class Stage:
    """A real runner on a SQLite file whose workers forge; started again only if it has failed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._runner: TaskRunner | None = None
        self.forgers: Forgers | None = None

    def runner(self) -> TaskRunner:
        if self._runner is not None and self._runner.failure is None:
            return self._runner
        self._runner = TaskRunner(self._url, 2, executor=self._make, settings=Settings())
        for name in NAMES:
            self._runner.register(name, Hash)  # it stands for a class: nothing is imported
        self._runner.start()
        return self._runner

    def play(self, chance: random.Random, rogues: int = 1) -> None:
        """Let tasks forge beside three neighbours, and look what became of all of them."""
        runner = self.runner()
        self.forgers.forged.clear()
        self.forgers.forged.extend(forge(chance, NAMES) for _ in range(20 * rogues))
        names = [*[ROGUE] * rogues, "good", "other", "good"]
        handles = runner.add_many([{"name": name} for name in names])
        neighbours = handles[rogues:]

        for handle in neighbours:
            until(partial(self._look, handle), lambda seen: seen.is_terminal or runner.failure)
        infos = [handle.info() for handle in neighbours]
        assert runner.failure is None
        for info in infos:
            assert info.id in self.forgers.exposed or (info.state, info.output, info.lost_attempts) == (
                TaskState.SUCCEEDED,
                {"id": info.id},
                0,
            )
        for handle in handles[:rogues]:
            self._read(handle)

    def _look(self, handle: TaskHandle) -> TaskState:
        return handle.info().state

    def _read(self, rogue: TaskHandle) -> None:
        """Whatever was taken from a forger breaks nobody who reads it; what it forged must not come back later."""
        info = rogue.info()
        assert repr((info, info.output_json and info.output, rogue.logs()))
        if not info.state.is_terminal:
            rogue.cancel()

    def stop(self) -> None:
        self._runner.stop(timeout_seconds=0)

    def _make(self, options):
        self.forgers = Forgers(options)
        return self.forgers


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    stage = Stage(f"sqlite:///{tmp_path_factory.mktemp('forged') / 'tasks.db'}")
    level = logging.getLogger("lilota").level
    logging.getLogger("lilota").setLevel(logging.CRITICAL)
    yield stage
    logging.getLogger("lilota").setLevel(level)
    stage.stop()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.randoms(use_true_random=False))
def test_no_forged_frame_harms_a_neighbour_or_the_runner(stage, chance):
    """Found by Hypothesis, which makes what it finds smaller."""
    stage.play(chance)


@pytest.mark.timeout(0 if _FRAMES > 1000 else 120)
def test_thousands_of_forged_frames_harm_neither_a_neighbour_nor_the_runner(stage):
    """From a seed, so that there can be a million of them."""
    stage.runner()
    until_frames = stage.forgers.frames + _FRAMES
    story = 0
    while stage.forgers.frames < until_frames:
        story += 1
        try:
            stage.play(random.Random(f"{_SEED}.{story}"), rogues=10)
        except BaseException as error:
            error.add_note(f"In story {story} of LILOTA_SEED={_SEED}.")
            raise
    print(f"{_FRAMES:,} frames in {story:,} stories, from LILOTA_SEED={_SEED}")  # noqa: T201 - for `pytest -s`
