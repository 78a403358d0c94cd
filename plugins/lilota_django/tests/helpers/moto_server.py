"""A real S3 server in a process of its own, as moto ships one."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3

#: How long the server may take to end.
_PATIENCE_SECONDS = 120
_PROGRAM = (
    "import sys; from moto.server import ThreadedMotoServer; server = ThreadedMotoServer('127.0.0.1', 0); "
    "server.start(); print('PORT', server.get_host_and_port()[1], flush=True); sys.stdin.read()"
)
#: The credentials that tests and their worker processes have.
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
}


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Start the server, and give its address."""
    log = folder / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        assert process.stdout is not None
        port = next((line.split()[1] for line in process.stdout if line.startswith("PORT ")), None)
        assert port, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.communicate(timeout=_PATIENCE_SECONDS)


def new_bucket(address: str) -> str:
    """Make an empty bucket, and return its name; the environment has the credentials."""
    name = f"files-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=address).create_bucket(Bucket=name)
    return name
