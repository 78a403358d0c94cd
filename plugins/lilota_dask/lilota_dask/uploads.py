"""Bring single files of Python code to a node: modules for a quick try, and the script that is the program.

They travel in the message that sets up a node, through Dask's own connections. What comes of it is what
`Client.upload_file` does, but for the tasks of one runner alone: the cluster is the same for others, before and after.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.machinery
import os
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator
from types import ModuleType
from typing import Final

import msgspec

from lilota.errors import ConfigurationError

#: How the module of a program's tasks is called, in the runner and in a worker.
MAIN: Final = frozenset({"__main__", "__mp_main__"})
_LIMIT_BYTES: Final = 10 * 2**20
#: What a file of such a name would hide from the process that runs on the node.
_NEEDED_THERE: Final = frozenset({"lilota", "lilota_dask", "dask", "distributed", "msgspec", "psutil"})


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file of Python code. Travels as JSON.

    Attributes:
        path: where it is on the machine of the runner.
    """

    path: str
    source: bytes
    sha256: str

    @property
    def name(self) -> str:
        """The name under which it is imported."""
        return os.path.splitext(os.path.basename(self.path))[0]


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The `__main__` of a runner that has tasks in it. Travels as JSON.

    Attributes:
        module: the module that it is, if it was started by `python -m`; it must be installed on the node.
        script: the file that it is otherwise.
    """

    module: str = ""
    script: Upload | None = None


def read_uploads(paths: Iterable[str]) -> tuple[Upload, ...]:
    """Read the files that are to be modules on the nodes.

    Raises:
        ConfigurationError: one can't be read, is too large, or can be no module.
    """
    return tuple(_read_module(path) for path in paths)


def read_program(references: Collection[str]) -> Program | None:
    """Read the program of this process, or return None if none of its tasks is in it.

    Args:
        references: where the tasks are: "module:qualname".

    Raises:
        ConfigurationError: it comes from no file, or this can't be read.
    """
    if not any(reference.partition(":")[0] in MAIN for reference in references):
        return None
    main = sys.modules["__main__"]
    module = getattr(main.__spec__, "name", None)
    if module is not None:
        return Program(module=module)
    path = getattr(main, "__file__", None)
    if path is None or path.startswith("<"):
        raise ConfigurationError(
            "Tasks of an interactive session, a notebook, `python -c` or standard input can't run on a Dask cluster, "
            "because their program comes from no file: move them to a module and import it."
        )
    return Program(script=_read(os.path.abspath(path), "The program"))


@contextlib.contextmanager
def placed(uploads: Collection[Upload], program: Program | None, within: str | None = None) -> Iterator[str | None]:
    """Have the files here as long as the block lasts: modules can be imported; give the path of the script, if any.

    They are in a folder that only this user can look into.

    Args:
        within: the folder in which that is made; None takes the temporary folder.

    Raises:
        ConfigurationError: it can't be written.
    """
    script = program.script if program else None
    is_here = script is not None and _has_same_content(script)
    with contextlib.ExitStack() as stack:
        path = script.path if script else None
        try:
            if uploads:
                modules = stack.enter_context(_private_folder(within))
                _write(modules, uploads)
                _import_from(modules, stack)
            if script and not is_here:  # in a folder of its own: it must not be found under its name
                (path,) = _write(stack.enter_context(_private_folder(within)), [script])
        except OSError as error:
            raise ConfigurationError(
                f"No files can be brought to {within or _temporary_folder()!r}: {error.strerror or error}. Free space "
                "there, or let TMPDIR of the Dask worker name a folder that can be written."
            ) from None
        yield path


def become_main(program: Program | None, script_path: str | None) -> None:
    """Have the workers that this process starts run the program of the runner as theirs, or none.

    `multiprocessing` looks at `__main__` of the process that starts another: its `__spec__` names a module, or its
    `__file__` a script, which is run again as `__mp_main__`. Without either, a worker has only what it imports. What
    this process itself was started from is nothing for its workers.
    """
    stub = ModuleType("__main__")
    if program and program.module:
        stub.__spec__ = importlib.machinery.ModuleSpec(program.module, None)
    elif script_path is not None:
        stub.__file__ = script_path
    sys.modules["__main__"] = stub


def _read_module(path: str) -> Upload:
    name, suffix = os.path.splitext(os.path.basename(path))
    if suffix != ".py" or not name.isidentifier() or os.path.isdir(path):
        raise ConfigurationError(
            f"{path!r} can't be uploaded, because it is no single module, as jobs.py is: install a package on the "
            "nodes, or put it into a folder that they share."
        )
    if name in _NEEDED_THERE or name in sys.stdlib_module_names:
        raise ConfigurationError(
            f"{path!r} can't be uploaded, because it would hide another module {name!r}: rename it."
        )
    return _read(path, "The module")


def _read(path: str, what: str) -> Upload:
    try:
        with open(path, "rb") as file:
            source = file.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise ConfigurationError(f"{what} {path!r} can't be brought to the nodes: {error.strerror}.") from None
    if len(source) > _LIMIT_BYTES:
        raise ConfigurationError(
            f"{what} {path!r} is longer than {_LIMIT_BYTES // 2**20} MiB: install it on the nodes, or put it into a "
            "folder that they share."
        )
    return Upload(path=path, source=source, sha256=hashlib.sha256(source).hexdigest())


def _has_same_content(script: Upload) -> bool:
    """Tell whether the node has the file too: it shares a folder with the runner, or is the same machine."""
    try:
        with open(script.path, "rb") as file:
            return hashlib.sha256(file.read(_LIMIT_BYTES + 1)).hexdigest() == script.sha256
    except OSError:
        return False


@contextlib.contextmanager
def _private_folder(within: str | None) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="lilota-", dir=within)  # for this user alone
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)  # a cleaner may have been quicker


def _write(folder: str, uploads: Iterable[Upload]) -> list[str]:
    paths = []
    for upload in uploads:
        paths.append(os.path.join(folder, os.path.basename(upload.path)))
        with open(paths[-1], "wb") as file:
            file.write(upload.source)
    return paths


def _import_from(folder: str, stack: contextlib.ExitStack) -> None:
    """Have modules of a folder found first of all, as that of a script is."""
    sys.path.insert(0, folder)
    stack.callback(sys.path.remove, folder)
    importlib.invalidate_caches()


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # none of those that it tries can be written
        return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - only shown
