"""What is said when there is no scheduler, one that wants TLS, or one of another year: with real ones if it can be."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import socket
import subprocess
import sys

import dask.config
import pytest
from distributed.core import Server
from lilota_dask.versions import check_scheduler, complaint_about
from secure_clusters import scheduler, tls_configuration, variables, worker

from lilota.errors import ConfigurationError

#: For what must happen; what can't is not waited for so long.
_LONG_SECONDS = 60.0


@pytest.fixture(scope="module")
def clusters(tmp_path_factory):
    """A scheduler with TLS and one without: their addresses, and two configurations, of which the first is right."""
    folder = tmp_path_factory.mktemp("schedulers")
    right, wrong = tls_configuration(folder / "right"), tls_configuration(folder / "wrong")
    with scheduler(folder, "tcp", {}) as plain, scheduler(folder, "tls", right) as safe:
        yield {"plain": plain, "safe": safe, "right": right, "wrong": wrong}


def check(address, configuration=(), seconds=_LONG_SECONDS):
    """Check a scheduler; return what is complained about, or ""."""
    with dask.config.set(dict(configuration)):
        try:
            asyncio.run(check_scheduler(address, seconds))
        except ConfigurationError as error:
            return str(error)
    return ""


def test_a_scheduler_of_the_same_version_is_fit(clusters):
    """With TLS as Dask's own configuration has it, and without."""
    assert check(clusters["plain"]) == ""
    assert check(clusters["safe"], clusters["right"]) == ""


PROGRAM = """
import sys
from lilota import TaskRunner, task
from lilota.stores import MemoryTaskStore

@task
def hello(name: str) -> str:
    return "hello " + name

if __name__ == "__main__":
    with TaskRunner(MemoryTaskStore(), executor=sys.argv[1]) as runner:
        print(runner.add("hello", input={"name": "you"}).result(timeout_seconds=90))
"""


@pytest.mark.slow
def test_a_program_runs_its_tasks_with_tls_as_the_configuration_has_it(clusters, tmp_path):
    """Nothing but the URL says that there is TLS; everything that travels does so by Dask's own connections."""
    (tmp_path / "program.py").write_text(PROGRAM)
    url = clusters["safe"].replace("tls://", "dask://") + "?protocol=tls"
    environment = variables(clusters["right"] | {"distributed.comm.require-encryption": "true"})

    with worker(tmp_path, clusters["safe"], clusters["right"]):
        command = [sys.executable, str(tmp_path / "program.py"), url]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)

    assert run.stdout == "hello you\n", run.stderr


def test_certificates_of_another_ca_are_said(clusters):
    said = check(clusters["safe"], clusters["wrong"])

    assert said.startswith(f"No Dask scheduler can be reached at {clusters['safe']}: ")
    assert "certificate verify failed" in said
    assert "Dask's own configuration (distributed.comm.tls) must name the CA" in said


@pytest.mark.parametrize("file", [None, "/no/such/file.pem"])
def test_certificates_that_are_missing_are_said(clusters, file):
    configuration = {} if file is None else clusters["right"] | {"distributed.comm.tls.ca-file": file}

    assert "(distributed.comm.tls) must name the CA, certificate and key" in check(clusters["safe"], configuration)


def test_tls_that_is_left_out_is_said(clusters):
    said = check(clusters["safe"].replace("tls://", "tcp://"))

    assert said.endswith("Connection reset by peer. If it wants TLS, add '?protocol=tls' to the URL.")


def test_encryption_that_the_configuration_requires_is_said(clusters):
    said = check(clusters["plain"], {"distributed.comm.require-encryption": True})

    assert "encryption required by Dask configuration" in said
    assert said.endswith("add '?protocol=tls' to the URL.")


def test_tls_to_a_scheduler_without_it_is_said(clusters):
    said = check(clusters["plain"].replace("tcp://", "tls://"), clusters["right"], seconds=1)

    assert "If it has no TLS, leave 'protocol=tls' out of the URL." in said


def test_a_port_at_which_nobody_listens_is_said():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"

        said = check(address, seconds=0.2)

    start, _, reason = said.partition(": ")
    assert start == f"No Dask scheduler can be reached at {address}"
    # Dask tries again until the time is over, and tells how the last try ended.
    assert reason in {
        f"{why}. Start it, or correct the URL." for why in ("Connection refused", "nobody answered within 0.2 s")
    }


def test_a_port_at_which_somebody_else_listens_is_said():
    """He takes the connection, and says nothing: Dask by itself would wait without an end."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        said = check(f"tcp://127.0.0.1:{silent.getsockname()[1]}", seconds=0.2)
        gc.collect()  # Dask leaves the connection to itself; let it be found now, and not in another test

    assert "nobody answered within 0.2 s. Start it, or correct the URL." in said


def test_a_scheduler_of_another_year_is_said():
    """What stands for it answers as every scheduler does when it is asked for its versions."""

    async def ask():
        async def versions(packages):
            return {"packages": {"distributed": "2019.1.0"}}

        async with Server({"versions": versions}) as server:
            await server.listen("tcp://127.0.0.1:0")
            with pytest.raises(ConfigurationError) as caught:
                await check_scheduler(server.address, _LONG_SECONDS)
            return str(caught.value), server.address

    said, address = asyncio.run(ask())

    assert said == (
        f"distributed is {importlib.metadata.version('distributed')} here and 2019.1.0 in the scheduler {address}, and "
        "Dask does not work across years: install the same version here."
    )


@pytest.mark.parametrize(
    ("error", "package"),
    [
        (Exception("ModuleNotFoundError(\"No module named 'lilota_dask'\")"), "lilota-dask"),
        (ModuleNotFoundError("No module named 'lilota_dask.holding'"), "lilota-dask"),
        (ModuleNotFoundError("No module named 'lilota.executors'"), "lilota"),
    ],
)
def test_a_node_without_lilota_is_told_from_others(error, package):
    """Dask may have made a plain exception of what was raised there."""
    assert complaint_about(error, "tcp://10.0.0.7:4001") == (
        f"The Dask worker tcp://10.0.0.7:4001 has no {package}: install the version of here in the environment that it "
        "runs in, and start it again."
    )


def test_any_other_error_is_none_of_a_node_without_lilota():
    assert complaint_about(ModuleNotFoundError("No module named 'lilotasks'"), "tcp://10.0.0.7:4001") == ""
    assert complaint_about(OSError("Timed out"), "tcp://10.0.0.7:4001") == ""
