"""Schedulers and Dask workers with TLS, or without, by nothing but Dask's own configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trustme

_WAIT_SECONDS = 60


def tls_configuration(folder: Path) -> dict[str, str]:
    """Return a configuration of Dask with certificates of a CA of its own."""
    folder.mkdir()
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    roles = ("scheduler", "worker", "client")
    names = [f"distributed.comm.tls.{role}.{part}" for role in roles for part in ("cert", "key")]
    return {"distributed.comm.tls.ca-file": str(folder / "ca.pem")} | dict.fromkeys(names, str(folder / "cert.pem"))


def variables(configuration: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process that has such a configuration."""
    names = {name: name.upper().replace("-", "_").replace(".", "__") for name in configuration}
    return {**os.environ, **{f"DASK_{names[name]}": value for name, value in configuration.items()}}


@contextmanager
def scheduler(folder: Path, protocol: str, configuration: Mapping[str, str]) -> Iterator[str]:
    """Run a scheduler; give its address."""
    file = folder / f"{protocol}.json"
    options = ("--port", "0", "--scheduler-file", str(file))
    with _running("scheduler", protocol, configuration, *options):
        deadline = time.monotonic() + _WAIT_SECONDS
        while not (file.exists() and file.read_text().endswith("}")):
            assert time.monotonic() < deadline, "the scheduler did not come up"
            time.sleep(0.05)
        yield json.loads(file.read_text())["address"]


@contextmanager
def worker(folder: Path, address: str, configuration: Mapping[str, str]) -> Iterator[None]:
    """Run a Dask worker."""
    options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder))
    with _running("worker", address.partition(":")[0], configuration, address, *options):
        yield


@contextmanager
def _running(kind: str, protocol: str, configuration: Mapping[str, str], *options: str) -> Iterator[None]:
    command = [sys.executable, "-m", "dask", kind, "--protocol", protocol, "--host", "127.0.0.1", "--no-dashboard"]
    process = subprocess.Popen(
        [*command, *options], env=variables(configuration), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.kill()
        process.wait()
