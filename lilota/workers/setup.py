"""Where a worker begins: what its runner tells it, and the function that its process runs.

The runner needs no more of a worker than this, and imports no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from lilota import __version__
from lilota.config import Settings
from lilota.contract import StoreCapabilities
from lilota.plugins import PinnedEntry

if TYPE_CHECKING:
    import socket

#: How a worker exits that can't speak to its runner any more, though that lives.
EXIT_CONNECTION_LOST: Final = 107


class WorkerSetup(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker needs to know to be like every other worker of its runner; travels as JSON.

    Attributes:
        references: task name -> "module:qualname" of the classes that were registered or configured.
        modules: the modules that declare tasks, to be imported before the first task comes.
        pinned: the plugin entries that the runner resolved; the worker looks for no others.
        logging_level: of the logger `lilota`; `root_level` of the root logger.
        runner_pid: the process whose end is the end of the worker. It and `mark`, by which what the worker starts is
            known, belong to the place; whoever starts the process there fills them in.
        places_per_process: how many attempts of concurrent tasks it runs at once.
        store: what the store of the runner is, which the worker never opens: it decides where files are kept.
        host: that of the runner.
        lilota_version: of the runner.
    """

    runner_id: str
    settings: Settings
    references: dict[str, str]
    modules: tuple[str, ...] = ()
    pinned: tuple[PinnedEntry, ...]
    logging_level: int
    root_level: int
    runner_pid: int = 0
    mark: str = ""
    places_per_process: int = 1
    store: StoreCapabilities | None = None
    host: str = ""
    lilota_version: str = __version__


#: Made before the fork server forks, so that all workers share it.
setup_decoder: Final = msgspec.json.Decoder(WorkerSetup)


def worker_main(connection: socket.socket, setup_json: bytes) -> None:
    """Be a worker until the runner says that it is enough; see `lilota.workers.worker`."""
    from lilota.workers.worker import be_worker  # noqa: PLC0415 - a runner imports this module, and not a worker's

    be_worker(connection, setup_decoder.decode(setup_json))
