"""A real S3 server in a process of its own, as moto ships one."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
import s3fs

#: The task classes that worker processes import, and what the tests of the core share.
_HELPERS = (Path(__file__).parent / "helpers", Path(__file__).parents[3] / "tests" / "helpers")

sys.path[:0] = [str(path) for path in _HELPERS if str(path) not in sys.path]

#: How long the server may take to come up; it imports much.
_START_SECONDS = 120


@pytest.fixture(scope="session")
def s3_address(tmp_path_factory):
    """Start the server, and return its address."""
    log = tmp_path_factory.mktemp("moto") / "log"
    program = (
        "import sys, time; from moto.server import ThreadedMotoServer; server = ThreadedMotoServer('127.0.0.1', 0); "
        "server.start(); print('PORT', server.get_host_and_port()[1], flush=True); sys.stdin.read()"
    )
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        port = next((line.split()[1] for line in process.stdout if line.startswith("PORT ")), None)
        assert port, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.communicate(timeout=_START_SECONDS)


@pytest.fixture
def bucket(s3_address, monkeypatch):
    """Return the URL of an empty bucket; the environment says how to reach it, in worker processes too."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"files-{uuid.uuid4().hex}"
    s3fs.S3FileSystem(endpoint_url=s3_address).mkdir(name)
    return f"s3://{name}"
