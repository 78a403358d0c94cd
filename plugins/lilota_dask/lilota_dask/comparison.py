"""Compare a node with its runner, before it gets a task: what differs is told in a sentence, with the remedy.

A node that lacks something gets no tasks at all. Which of them could run there all the same can't be told: a task may
import what another one declares, and plugins stand around all of them. A runner that let some tasks wait although
places are free would be harder to understand than one that says once what to install.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Final

from lilota_dask.environment import Environment

#: Clocks that are set by NTP differ by less.
_CLOCK_SECONDS: Final = 5.0
_NONE: Final = "not installed"


def differences(runner: Environment, node: Environment, address: str, needs: Mapping[str, str]) -> list[str]:
    """Return a sentence for each thing for which a node can't run the tasks of a runner; none if it can.

    Args:
        address: the Dask worker of the node.
        needs: module -> what of the runner needs it, for people.
    """
    return [*_versions(runner, node, address), *_modules(runner, node, address, needs)]


def remarks(runner: Environment, node: Environment, address: str, asked_at: float, answered_at: float) -> list[str]:
    """Return a sentence for each thing that is strange about a node that can run tasks.

    Args:
        asked_at, answered_at: when, by the clock of the runner, the node was asked for its environment.
    """
    found = []
    if node.folder_problem and not runner.folder_problem:
        found.append(
            f"The temporary folder {node.folder!r} of {address} can't be written: {node.folder_problem}. What tasks "
            "print is kept in memory there, and tasks that need a temporary file fail: let TMPDIR of the Dask worker "
            "name another folder."
        )
    ahead = node.clock - (asked_at + answered_at) / 2
    if abs(ahead) > _CLOCK_SECONDS + (answered_at - asked_at) / 2:
        found.append(
            f"The clock of {address} is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the one here: the "
            "times of log lines and beginnings of its tasks are wrong by as much, and nothing else is. Let NTP set it."
        )
    return found


def _versions(runner: Environment, node: Environment, address: str) -> Iterator[str]:
    minor = ".".join(runner.python.split(".")[:2])
    if node.python.split(".")[:2] != minor.split("."):
        yield f"Python is {runner.python} here and {node.python} on {address}: start that with Python {minor}."
    packages = {"lilota": runner.lilota, **runner.packages}
    for name, version in packages.items():
        found = {"lilota": node.lilota, **node.packages}.get(name, "")
        if version != found:
            remedy = "install the same version there" if version else "install the same here, or remove it there"
            yield f"{name} is {version or _NONE} here and {found or _NONE} on {address}: {remedy}."
    year = runner.distributed.partition(".")[0]
    if node.distributed.partition(".")[0] != year:
        yield (
            f"distributed is {runner.distributed} here and {node.distributed} on {address}, and Dask does not work "
            f"across years: install a version of {year} there."
        )


def _modules(runner: Environment, node: Environment, address: str, needs: Mapping[str, str]) -> Iterator[str]:
    where = address if node.user == runner.user else f"{address}, which runs as {node.user}"
    for name, place in runner.modules.items():
        if place and not node.modules.get(name):
            is_single = os.path.basename(place) == f"{name}.py"
            quick = f", or try `--upload-modules {place}`" if is_single else ""
            yield (
                f"The module {name!r} is needed by {needs.get(name, 'the runner')}; it is {place!r} here and can't be "
                f"found on {where}: install it there, or put its folder on the PYTHONPATH of the Dask worker{quick}."
            )
