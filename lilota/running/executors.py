"""Make the executor of a runner, which says to it what workers have to know.

Apart from the rest of a start, which a program imports while the fork server of its executor imports lilota.
"""

from __future__ import annotations

import logging
import platform

import msgspec

from lilota.config import Settings
from lilota.contract import TaskStore, redacted
from lilota.engine.executor import Executor, ExecutorFactory, ExecutorOptions
from lilota.engine.renewal import NO_RENEWAL, RenewalRules
from lilota.errors import LilotaError, PluginError, listed
from lilota.plugins.strangers import let_pass, one_line, undisturbed
from lilota.registry import Registry
from lilota.texts.secrets import mask_text
from lilota.workers.processors import usable_processors
from lilota.workers.setup import WorkerSetup


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the runner; the arguments of `TaskRunner`, checked."""

    executor: ExecutorFactory
    executor_url: str
    number_of_processes: int | None
    places_per_process: int = 1
    start_method: str | None
    queues: tuple[str, ...] | None
    lease_seconds: float
    upload_modules: tuple[str, ...] = ()
    renewal: RenewalRules = NO_RENEWAL
    logging_level: int
    settings: Settings


def make_executor(options: RunOptions, registry: Registry, runner_id: str, store: TaskStore) -> Executor:
    """Make what runs the attempts of one start of a runner.

    Raises:
        PluginError: it can't be made, or is not complete.
        StoreError: the store does not say what it is.
    """
    what = f"The executor {redacted(options.executor_url) or options.executor!r}"
    executor_options = ExecutorOptions(
        url=options.executor_url,
        worker_setup=msgspec.json.encode(_worker_setup(options, registry, runner_id, store)),
        number_of_processes=options.number_of_processes or usable_processors(),
        start_method=options.start_method,
        lease_seconds=options.lease_seconds,
        upload_modules=options.upload_modules,
    )
    try:
        with undisturbed(what):
            executor = options.executor(executor_options)
    except BaseException as error:
        let_pass(error, what)
        if isinstance(error, LilotaError | OSError) or not options.executor_url:  # a factory of the application's own
            raise
        raise PluginError(f"{what} can't be made: {mask_text(one_line(error))}. Mend or upgrade it.") from error
    if not isinstance(executor, Executor):
        lacking = [name for name in vars(Executor) if not name.startswith("_") and not hasattr(executor, name)]
        raise PluginError(f"{what} is not complete: it lacks {listed(lacking)}. Upgrade its package.")
    return executor


def _worker_setup(options: RunOptions, registry: Registry, runner_id: str, store: TaskStore) -> WorkerSetup:
    from lilota.plugins.guarded_stores import GuardedStore  # noqa: PLC0415 - only a runner that starts needs it

    return WorkerSetup(
        runner_id=runner_id,
        settings=options.settings.without_keys(),
        references=registry.references(),
        modules=registry.modules(),
        pinned=registry.plugins.resolved(),
        logging_level=options.logging_level,
        root_level=logging.getLogger().level,
        places_per_process=options.places_per_process,
        store=GuardedStore(store).capabilities(),
        host=platform.node(),
    )
