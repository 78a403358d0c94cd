"""A cluster that Dask makes larger and smaller by itself, for what waits in lilota."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.timeout(260)

PROGRAM = """
import time

from distributed import LocalCluster
from lilota import TaskRunner, task


@task
def nap(number: int) -> None:
    time.sleep(0.5)


def until(is_so):
    deadline = time.monotonic() + 100
    while not is_so():
        assert time.monotonic() < deadline, cluster.scheduler_info
        time.sleep(0.05)


def size():
    return len(cluster.scheduler_info["workers"])


if __name__ == "__main__":
    with LocalCluster(n_workers=0, threads_per_worker=1, dashboard_address=":0") as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="0.2s", wait_count=2)
        url = cluster.scheduler_address.replace("tcp", "dask") + "?places=1-2&idle_seconds=1"
        with TaskRunner("memory", executor=url) as runner:
            until(lambda: size() == 1)
            print("began with 1")
            handles = runner.add_many([nap.bind(number=number) for number in range(40)])
            until(lambda: size() == 2)
            print("grew to 2")
            assert [handle.result(timeout_seconds=100) for handle in handles] == [None] * 40
            until(lambda: size() == 1)
            print("shrank to 1")
            assert {handle.info().attempt for handle in handles} == {1}
"""


def test_an_adaptive_cluster_grows_for_what_waits_and_shrinks_when_nothing_does(tmp_path):
    """It begins without any Dask worker, and no task is stopped for its end."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)

    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240, check=False)

    assert done.stdout.splitlines() == ["began with 1", "grew to 2", "shrank to 1"], done.stderr
