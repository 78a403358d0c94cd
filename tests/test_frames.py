"""Where threads stand."""

from __future__ import annotations

import gc
import sys
import threading

import pytest

from lilota.frames import frames_of_threads


def test_each_thread_stands_somewhere():
    """Also one that waits, from whichever thread it is asked."""
    go_on = threading.Event()
    other = threading.Thread(target=go_on.wait)
    other.start()

    frames = frames_of_threads()
    go_on.set()
    other.join()

    assert frames[threading.get_ident()].f_code is frames_of_threads.__code__
    assert other.ident in frames


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="Newer Pythons collect nothing in a call of C code")
def test_nothing_is_collected_meanwhile(collections):
    """On Python 3.11 all threads would stand still if one of them just then starts or ends."""
    for _ in range(100):
        frames_of_threads()

    assert frames_of_threads.__code__ not in collections
    assert gc.isenabled()


@pytest.fixture
def collections():
    """The functions in which garbage was collected, which is done as often as can be."""
    thresholds, seen = gc.get_threshold(), []

    def note(phase, info):
        seen.append(sys._getframe(1).f_code)

    gc.callbacks.append(note)
    gc.set_threshold(1)
    yield seen
    gc.set_threshold(*thresholds)
    gc.callbacks.remove(note)
