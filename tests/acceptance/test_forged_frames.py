"""Tasks that write to the runner in the name of their workers, in real processes."""

from __future__ import annotations

from forging_tasks import Forge
from runner_tasks import Hash
from running import until

from lilota.config import Settings
from lilota.runner import TaskRunner


def test_tasks_that_forge_what_their_workers_tell_harm_neither_neighbours_nor_the_runner(tmp_path):
    """Workers are ended and replaced, again and again; whoever has nothing to do with it ends with the right result."""
    runner = TaskRunner(f"sqlite:///{tmp_path / 'tasks.db'}", 2, settings=Settings())
    runner.register("hash", Hash)
    runner.register("forge", Forge)
    runner.start()
    try:
        neighbours = []
        for seed in range(8):
            runner.add("forge", input={"seed": seed})
            neighbours.append(runner.add("hash", input={"text": "a"}))
        for handle in neighbours:
            until(handle.info, lambda info: info.state.is_terminal)
        afterwards = runner.add("hash", input={"text": "a"}).result(60)

        assert runner.failure is None
        assert afterwards["sha256"].startswith("ca978112ca1bbdca")
    finally:
        runner.stop(timeout_seconds=0)
