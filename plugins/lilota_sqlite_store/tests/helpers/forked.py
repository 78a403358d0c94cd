"""Children made by a bare fork."""

from __future__ import annotations

import gc
import os
import warnings


def start_forked(work):
    """Run `work` in a child made by a bare fork, and let it end as a program does; return its process id."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking beside threads is what is tested here
        child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            gc.collect()
            status = 0
        finally:
            os._exit(status)
    return child


def ended_well(child):
    """Wait for the end of a child, and tell whether all went well."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def in_forked_child(work):
    """Run `work` in a child, and tell whether all went well."""
    return ended_well(start_forked(work))
