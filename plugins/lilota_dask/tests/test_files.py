"""Files of tasks that run on nodes: attached there, and read where the runner is."""

from __future__ import annotations

import attaching_tasks
import pytest
from clusters import Cluster
from other_names import OtherName

from lilota.config import Settings
from lilota.errors import TaskFailedError
from lilota.runner import TaskRunner


@pytest.fixture
def node(tmp_path):
    """A node that is on another machine, as far as it can tell."""
    elsewhere = OtherName("elsewhere")
    helpers = attaching_tasks.__file__.rpartition("/")[0]
    with Cluster(tmp_path, environment={"PYTHONPATH": helpers}) as cluster:
        cluster.start_node(place=elsewhere)
        cluster.await_nodes()
        yield cluster


def start_runner(cluster, url, settings):
    """Return a runner of the cluster, to be entered."""
    runner = TaskRunner(url, executor=cluster.url, settings=settings)
    runner.register("attach", attaching_tasks.Attach)
    runner.register("read", attaching_tasks.Read)
    return runner


def test_a_file_that_a_node_attaches_is_read_where_the_runner_is(node, tmp_path):
    """And the other way round, an uploaded one is read there. Both machines have the folder mounted."""
    (tmp_path / "files").mkdir()
    (tmp_path / "text.txt").write_text("from here")
    settings = Settings(files=f"file://{tmp_path}/files?shared=1")
    with start_runner(node, f"sqlite:///{tmp_path}/tasks.db", settings) as runner:
        attached = runner.add("attach")
        uploaded = runner.client.upload(tmp_path / "text.txt")

        assert attached.result(timeout_seconds=60) == {"host": "elsewhere"}
        assert attached.files()["report.txt"].read_bytes() == b"made on a node"
        assert runner.add("read", input={"text": uploaded}).result(timeout_seconds=60) == "from here"


def test_a_node_refuses_to_leave_a_file_where_nobody_would_find_it(node, tmp_path):
    """The folder beside a SQLite file is on the machine of the runner: the error says what to set."""
    with start_runner(node, f"sqlite:///{tmp_path}/tasks.db", Settings()) as runner:
        handle = runner.add("attach")

        with pytest.raises(TaskFailedError, match=r"is on the host .*, and this is elsewhere. Set 'files' to what all"):
            handle.result(timeout_seconds=60)

    assert not list(tmp_path.rglob("*.files"))
