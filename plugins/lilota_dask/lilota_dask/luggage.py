"""What a runner sends ahead to each node: what a worker there needs, and the code that the node may lack."""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Iterator
from typing import Final

import msgspec

from lilota.errors import listed
from lilota.executors import ExecutorOptions, WorkerSetup
from lilota_dask.comparison import differences
from lilota_dask.environment import Environment, here
from lilota_dask.uploads import MAIN, Program, Upload, become_main, placed, read_program, read_uploads

#: Entries that only the process of the runner uses.
_STORES: Final = "lilota.stores"


class Luggage(msgspec.Struct, frozen=True, kw_only=True):
    """What one runner brings to its nodes. Travels as JSON.

    Attributes:
        environment: that of the runner.
        needs: module -> what of the runner needs it, for people.
        uploads: the modules that are brought along.
        program: that of the runner, if it has tasks.
    """

    environment: Environment
    needs: dict[str, str]
    uploads: tuple[Upload, ...]
    program: Program | None

    def complaints(self, node: Environment, address: str) -> list[str]:
        """Return a sentence for each thing for which a node gets no tasks; none if it can have them.

        Args:
            node: what `unpacked` has given there.
            address: that of its Dask worker.
        """
        return differences(self.environment, node, address, self.needs)


def pack(options: ExecutorOptions) -> Luggage:
    """Collect what the nodes of a runner need; called in its process.

    Raises:
        ConfigurationError: a file that is to be brought along can't be.
    """
    setup = msgspec.json.decode(options.worker_setup, type=WorkerSetup)
    uploads = read_uploads(options.upload_modules)
    program = read_program(setup.references.values())
    needs = _needs(setup, uploads, program)
    packages = {entry.distribution: None for entry in setup.pinned if entry.group != _STORES}
    return Luggage(environment=here(packages, needs), needs=needs, uploads=uploads, program=program)


@contextlib.contextmanager
def unpacked(luggage: Luggage, within: str | None = None) -> Iterator[Environment]:
    """Make this process, on a node, one that can start workers of the runner; give what it has then.

    Args:
        within: the folder for what is brought along; None takes the temporary folder.

    Raises:
        ConfigurationError: it can't be written.
    """
    with placed(luggage.uploads, luggage.program, within) as script_path:
        become_main(luggage.program, script_path)
        yield here(luggage.environment.packages, luggage.environment.modules)


def _needs(setup: WorkerSetup, uploads: tuple[Upload, ...], program: Program | None) -> dict[str, str]:
    needs = dict.fromkeys(setup.modules, "the setting 'modules'")
    needs |= {module: f"the task{'s' * (len(names) > 1)} {listed(names, 5)}" for module, names in _tasks(setup).items()}
    if program and program.module:
        needs[program.module] = "the program"
    scripts = (program.script,) if program and program.script else ()
    for upload in (*uploads, *scripts):
        for name in _imports(upload.source):
            if name.partition(".")[0] not in sys.stdlib_module_names:
                needs.setdefault(name, upload.path)
    return needs


def _tasks(setup: WorkerSetup) -> dict[str, list[str]]:
    """Return the modules of tasks: module -> their names."""
    modules: dict[str, list[str]] = {}
    for name, reference in setup.references.items():
        module = reference.partition(":")[0]
        if module not in MAIN:
            modules.setdefault(module, []).append(name)
    return modules


def _imports(source: bytes) -> Iterator[str]:
    """Give what a file imports in any case: not what it tries to, or what only one of its functions needs."""
    try:
        statements = ast.parse(source).body
    except (SyntaxError, ValueError):  # the worker that imports it says so
        return
    for statement in statements:
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
