"""What is said, and what goes on all the same, where a cluster or a node is not as it should be."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from clusters import Cluster, until
from distributed import Client
from distributed.protocol.pickle import dumps
from lilota_dask import holding, placement
from lilota_dask.plugin import make_dask_executor
from msgspec.json import encode

from lilota.config import Settings
from lilota.errors import ConfigurationError
from lilota.executors import ExecutorOptions, WorkerSetup
from lilota.testing.executors.crew import Crew

pytestmark = pytest.mark.slow  # each starts a cluster of its own

ECHO = {"echo": "lilota.testing.executors.tasks:Echo"}

#: Tasks that only the runner has.
OWN_TASKS = """
import getpass
import os
import sys
from lilota import TaskBase

class Large(TaskBase):
    def run(self):
        print("x" * 30_000_000)
        return {"text": "y" * 30_000_000}

class Who(TaskBase):
    def run(self):
        return {"user": os.getuid(), "folder": os.path.dirname(__file__)}
"""

#: What a Python does at its start on a node that lacks lilota.
WITHOUT_LILOTA = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("lilota", "lilota_dask"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""

#: What it does where nothing can be written into the temporary folder.
WITHOUT_TEMPORARY_FOLDER = """
import sys, tempfile

if "lilota-dask-node" in sys.orig_argv:
    tempfile.tempdir = "/proc"
"""

#: What it does where the clock is an hour ahead: in the process that is asked for it.
ANOTHER_CLOCK = """
import sys, time

if "lilota-dask-node" in sys.orig_argv:
    now = time.time
    time.time = lambda: now() + 3600
"""


def options(url, references=ECHO, uploads=(), modules=()):
    """Return what a runner asks of an executor."""
    setup = WorkerSetup(
        runner_id="r",
        settings=Settings(),
        references=references,
        modules=modules,
        pinned=(),
        logging_level=logging.INFO,
        root_level=logging.WARNING,
    )
    return ExecutorOptions(
        url=url,
        worker_setup=encode(setup),
        number_of_processes=1,
        lease_seconds=30,
        upload_modules=tuple(map(str, uploads)),
    )


@pytest.fixture
def start_cluster(tmp_path):
    """Starts a scheduler and so many nodes, whose Pythons begin with a piece of code."""
    clusters = []

    def start(nodes=1, *, at_start="", config=None):
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(at_start)
        environment = {"PYTHONPATH": str(tmp_path / "site")}
        clusters.append(Cluster(tmp_path, config=config, environment=environment))
        for _ in range(nodes):
            clusters[-1].start_node()
        clusters[-1].await_nodes()
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.close()


@pytest.fixture
def join(caplog):
    """Makes executors on a cluster, which are closed after the test."""
    executors = []

    def make(cluster, *arguments, **keywords):
        crew = Crew(lambda _options: make_dask_executor(options(cluster.url, *arguments, **keywords)))
        executors.append(crew.executor)
        return crew

    caplog.set_level(logging.INFO, "lilota_dask")
    yield make
    for executor in executors:
        executor.close()


@pytest.fixture
def own_tasks(tmp_path, monkeypatch):
    """A module of which only the runner knows where it is."""
    path = tmp_path / "runner" / "own_tasks.py"
    path.parent.mkdir()
    path.write_text(OWN_TASKS)
    monkeypatch.syspath_prepend(path.parent)
    return path


def await_places(crew, number=1):
    crew.listen(lambda: [True] if crew.executor.places() == number else [], f"{number} places")


def await_words(crew, caplog, words):
    """Wait until something is said; events are taken meanwhile."""
    crew.listen(lambda: [True] if words in caplog.text else [], f"the words {words!r}")


def result_of(crew, name, text=""):
    """Run a task, and return how it ended."""
    await_places(crew)
    crew.start(1)
    crew.send(1, name, 1, text=text)
    update = crew.outcomes(1, 1)[0]
    assert update.outcome.state.name == "SUCCEEDED", update
    return update


def test_without_a_scheduler_a_runner_does_not_start(caplog):
    """It says where none was found, and leaves no thread behind."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

        with pytest.raises(ConfigurationError, match=f"No Dask scheduler can be reached at tcp://127.0.0.1:{port}: "):
            make_dask_executor(options(f"dask://127.0.0.1:{port}?connect_seconds=0.2"))

    assert "lilota-dask" not in [thread.name for thread in threading.enumerate()]


def test_a_scheduler_file_that_does_not_come_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match=r"There is no scheduler file '.*none\.json', after 0\.2 s"):
        make_dask_executor(options(f"dask:///{tmp_path}/none.json?connect_seconds=0.2"))


def test_a_cluster_without_workers_is_waited_for(start_cluster, join, caplog, monkeypatch):
    """It is said once, and tasks run when one comes; here by the scheduler file, as clusters of Slurm have one."""
    monkeypatch.setattr(placement, "_PATIENCE_SECONDS", 0)
    cluster = start_cluster(nodes=0)
    monkeypatch.setattr(Cluster, "url", f"dask:///{cluster.scheduler_file}")

    crew = join(cluster)
    await_words(crew, caplog, "There is no place: ")
    said = caplog.text
    cluster.start_node()

    assert "has no Dask workers" in said
    assert result_of(crew, "echo", "hello").output_json == '{"text":"hello"}'


def test_a_slot_that_dask_needs_is_waited_for(start_cluster, join, caplog, monkeypatch, tmp_path):
    """Somebody's task of Dask holds the only thread."""
    monkeypatch.setattr(placement, "_PATIENCE_SECONDS", 0)
    cluster = start_cluster()
    with Client(cluster.address, set_as_default=False) as client:
        held = client.submit(subprocess.call, ["sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.05; done"])
        until(lambda: cluster.dask_tasks() != {})

        crew = join(cluster)
        await_words(crew, caplog, "has a free slot")
        places = crew.executor.places()
        (tmp_path / "go").touch()

        assert places == 0
        assert held.result(60) == 0
        assert result_of(crew, "echo", "hello").output_json == '{"text":"hello"}'


def test_a_node_without_lilota_is_left_out(start_cluster, join, caplog):
    """One sentence says so. A node that has it is used, although the scheduler has not."""
    cluster = start_cluster(at_start=WITHOUT_LILOTA)
    crew = join(cluster)
    await_words(crew, caplog, f"The Dask worker {cluster.nodes[0].address} has no lilota-dask: install the version of")
    places = crew.executor.places()
    (Path(cluster._environment["PYTHONPATH"]) / "sitecustomize.py").unlink()
    cluster.start_node()
    assert places == 0
    assert result_of(crew, "echo", "hello").output_json == '{"text":"hello"}'
    assert caplog.text.count("has no lilota-dask") == 1


@pytest.mark.parametrize("function", [holding.hold_slot, holding.wish])
def test_what_a_scheduler_unpickles_is_whole_without_lilota(function):
    """It looks into the graphs that it passes on, and drops what it can't load."""
    code = f"{WITHOUT_LILOTA}\nfrom distributed.protocol.pickle import loads; loads(sys.stdin.buffer.read())"

    subprocess.run([sys.executable, "-c", code], input=dumps(function), check=True, timeout=100)


def test_a_node_without_a_module_of_tasks_is_left_out(start_cluster, join, caplog, own_tasks):
    """What is missing is said with what needs it, and nothing is left there."""
    cluster = start_cluster()
    crew = join(cluster, {"large": "own_tasks:Large", "who": "own_tasks:Who"})
    await_words(crew, caplog, "gets no tasks")

    assert (
        f"The module 'own_tasks' is needed by the tasks 'large', 'who'; it is '{own_tasks}' here and can't be found on "
        f"{cluster.nodes[0].address}: install it there" in caplog.text
    )
    assert f"`--upload-modules {own_tasks}`" in caplog.text
    until(lambda: cluster.lilota_processes() == {})
    assert crew.executor.places() == 0


def test_a_module_that_is_brought_along_is_used_and_removed(start_cluster, join, own_tasks):
    """Nothing of it is left on the node, nor in the path of other tasks there."""
    cluster = start_cluster()
    crew = join(cluster, {"who": "own_tasks:Who"}, uploads=[own_tasks])

    folder = Path(result_of(crew, "who").output_json.split('"')[-2])
    was_there = folder.is_dir()
    crew.executor.close()

    assert was_there
    until(lambda: not folder.exists())
    with Client(cluster.address, set_as_default=False) as client:
        assert [*client.run(importlib.util.find_spec, "own_tasks").values()] == [None]


def test_an_output_of_thirty_megabytes_comes_through(start_cluster, join, own_tasks):
    """Dask splits large messages; what a task prints is cut to its limit before it travels."""
    crew = join(start_cluster(), {"large": "own_tasks:Large"}, uploads=[own_tasks])

    outcome = result_of(crew, "large")

    assert len(outcome.output_json) > 30_000_000


def test_a_node_of_another_user_runs_tasks(join, own_tasks):
    """What is brought along can be read there: the helper process writes it, and is that user's too."""
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can start a process of another user")
    # pytest keeps its own temporary folders from other users.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        cluster = Cluster(Path(folder))
        # Python itself may be in a folder of root.
        nobody = [
            "setpriv",
            "--reuid=65534",
            "--clear-groups",
            "--inh-caps=+dac_override",
            "--ambient-caps=+dac_override",
        ]
        user = subprocess.Popen(
            [
                *nobody,
                sys.executable,
                "-m",
                "dask",
                "worker",
                cluster.address,
                "--nthreads",
                "1",
                "--no-nanny",
                "--local-directory",
                folder,
            ],
            cwd=folder,
            stderr=subprocess.DEVNULL,
        )
        try:
            crew = join(cluster, {"who": "own_tasks:Who"}, uploads=[own_tasks])

            assert result_of(crew, "who").output_json.startswith('{"user":65534,')
            crew.executor.close()
        finally:
            user.kill()
            user.wait()
            cluster.close()


def test_a_node_on_which_nothing_can_be_started_is_left_out(start_cluster, join, caplog):
    """It answers, so it is not taken for one that can't be reached just now."""
    cluster = start_cluster(at_start="import sys; sys.executable = '/no/such/python'")
    crew = join(cluster)
    await_words(crew, caplog, "gets no tasks. Its helper process can't be started: [Errno 2] No such file")

    assert "can't be reached" not in caplog.text


def test_a_node_whose_temporary_folder_can_not_be_written_runs_tasks(start_cluster, join, caplog, own_tasks):
    """Also those that were brought along: they are in the folder of the Dask worker."""
    cluster = start_cluster(at_start=WITHOUT_TEMPORARY_FOLDER)
    crew = join(cluster, {"who": "own_tasks:Who"}, uploads=[own_tasks])

    assert result_of(crew, "who").outcome.state.name == "SUCCEEDED"
    assert f"The temporary folder '/proc' of {cluster.nodes[0].address} can't be written: " in caplog.text


def test_a_node_with_another_clock_runs_tasks(start_cluster, join, caplog):
    cluster = start_cluster(at_start=ANOTHER_CLOCK)
    crew = join(cluster)

    assert result_of(crew, "echo").outcome.state.name == "SUCCEEDED"
    assert f"The clock of {cluster.nodes[0].address} is 36" in caplog.text
    assert "s ahead of the one here" in caplog.text
