"""Descriptors of a worker are out of the reach of tasks."""

from __future__ import annotations

import fcntl
import os
import resource

import pytest

from lilota.workers.descriptors import out_of_reach


def test_a_descriptor_moves_to_a_high_number():
    """The old number is free, the file is the same, and children do not inherit it."""
    low, other = os.pipe()
    high = out_of_reach(low)
    try:
        os.write(other, b"x")
        read = os.read(high, 1)
        flags = fcntl.fcntl(high, fcntl.F_GETFD)
    finally:
        os.close(high)
        os.close(other)

    assert high > 255
    assert read == b"x"
    assert flags & fcntl.FD_CLOEXEC
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(low)


def test_a_low_limit_is_respected():
    """With few descriptors allowed, the highest of them are taken."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, before[1]))
    try:
        low, other = os.pipe()
        high = out_of_reach(low)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    os.close(high)
    os.close(other)

    assert 150 < high < 200
