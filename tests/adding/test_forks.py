"""A process that was forked after somebody had awaited a task awaits tasks as any other."""

from __future__ import annotations

import asyncio
import multiprocessing

import pytest
from runner_tasks import Hash

from lilota import TaskClient, TaskRunner


async def _await_one(client):
    await asyncio.wait_for(client.add("hash", input={"text": "a", "seconds": 0.1}), 60)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is what is tested
def test_a_fork_can_await_tasks_too(tmp_path):
    """The thread that looks for ended tasks is not in the fork; another is started there."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    client = TaskClient(url, accept_unknown_names=True)
    runner = TaskRunner(url, 1)
    runner.register("hash", Hash)
    with runner:
        asyncio.run(_await_one(client))
        fork = multiprocessing.get_context("fork").Process(target=lambda: asyncio.run(_await_one(client)))
        fork.start()
        fork.join(90)
        client.close()

    assert fork.exitcode == 0
