"""The entry point: `dask://host:8786`, `dask:///scheduler.json`, `dask://` for a cluster of this machine."""

from __future__ import annotations

from lilota.executors import ExecutorOptions
from lilota_dask.address import parse
from lilota_dask.executor import DaskExecutor


def make_dask_executor(options: ExecutorOptions) -> DaskExecutor:
    """Return an executor on the cluster that the URL names, connected.

    Raises:
        ConfigurationError: the URL has another form, or an option that does not exist; the scheduler can't be reached.
    """
    return DaskExecutor(parse(options.url), options)
