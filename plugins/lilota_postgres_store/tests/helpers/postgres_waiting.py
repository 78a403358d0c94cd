"""Waiting for what another process or thread does."""

from __future__ import annotations

import time


def wait_until(ask):
    """Ask again and again until the answer is yes; a minute without one fails the test."""
    deadline = time.monotonic() + 60
    while not ask():
        assert time.monotonic() < deadline
        time.sleep(0.02)
