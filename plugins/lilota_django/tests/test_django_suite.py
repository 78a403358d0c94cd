"""Django's own tests of `django.tasks`, with lilota's backend in the places of Django's.

They come with Django's source distribution, and nothing of them is kept here. `nox` fetches it, and says in
LILOTA_TEST_DJANGO_SOURCE in which folder it is unpacked.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = "LILOTA_TEST_DJANGO_SOURCE"
PROGRAM: Final = Path(__file__).parent / "helpers" / "django_suite" / "run_suite.py"

_IN_MEMORY: Final = "It changes a result in the memory of DummyBackend; here, results are in a database."
_BY_LINES: Final = "The runner logs again what its worker logs, one record for each line of a traceback."
#: The tests that can't hold -> why.
CANNOT_HOLD: Final = {
    "test_dummy_backend.DummyBackendTestCase.test_refresh_result": _IN_MEMORY,
    "test_dummy_backend.DummyBackendTestCase.test_refresh_result_async": _IN_MEMORY,
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_get_result": "LilotaBackend can.",
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_refresh_result": "LilotaBackend can.",
    "test_immediate_backend.ImmediateBackendTestCase.test_cannot_pass_run_after": "LilotaBackend takes it.",
    "test_immediate_backend.ImmediateBackendTestCase.test_catches_exception": _BY_LINES,
    "test_immediate_backend.ImmediateBackendTestCase.test_failed_logs": _BY_LINES,
    "test_immediate_backend.ImmediateBackendTestCase.test_enqueue_logs": (
        "A worker is silent about starts and successes, unless the logger of django.tasks is given a level: lilota "
        "itself tells of each."
    ),
    "test_immediate_backend.ImmediateBackendTestCase.test_complex_return_value": (
        "The error is an InvalidOutputError that names the function, not a bare TypeError."
    ),
    "test_immediate_backend.ImmediateBackendTestCase.test_throws_keyboard_interrupt": (
        "It is raised in a worker, whose task fails of it; who enqueues is somewhere else."
    ),
}


@pytest.mark.skipif(SOURCE not in os.environ, reason=f"nox fetches Django's source distribution, and sets {SOURCE}")
def test_djangos_own_tests_pass():
    """All but those in the list above, each for its reason; and a test that begins to pass leaves the list."""
    ended = subprocess.run(
        [sys.executable, PROGRAM, os.environ[SOURCE]], capture_output=True, text=True, timeout=300, check=False
    )

    assert ended.returncode == 0, ended.stderr
    errors = json.loads(ended.stdout)
    unexpected = {name: error for name, error in errors.items() if error and name not in CANNOT_HOLD}
    assert unexpected == {}, ended.stderr
    assert {name for name, error in errors.items() if error} == CANNOT_HOLD.keys()
    assert len(errors) > 70
