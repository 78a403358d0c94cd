"""The Dask cluster as a runner sees it: connect, ask who belongs to it, call into a Dask worker, take slots."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from distributed import Client, Future, LocalCluster
from distributed.core import PooledRPCCall  # noqa: TC002 - as the others

from lilota.errors import ConfigurationError
from lilota_dask.address import Target
from lilota_dask.scheduler_file import scheduler_in
from lilota_dask.versions import check_scheduler

#: So long the scheduler may take to say who belongs to the cluster.
_ANSWER_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 5.0
#: So long a Dask worker may take to be reached without the help of the scheduler.
_WAY_SECONDS: Final = 3.0


class Cluster:
    """One scheduler. Everything here is called in one event loop.

    Args:
        number_of_workers: how many Dask workers a cluster of this machine gets.
    """

    def __init__(self, target: Target, number_of_workers: int) -> None:
        self._target = target
        self._number_of_workers = number_of_workers
        self._local: LocalCluster | None = None
        self._client: Client | None = None
        self._is_direct: dict[str, bool] = {}

    @property
    def name(self) -> str:
        """The scheduler, for people."""
        return str(self._target)

    async def connect(self) -> None:
        """Connect for the first time.

        Raises:
            ConfigurationError: nobody is there who answers.
        """
        try:
            if self._target.is_local:
                self._local = await _start_local(self._number_of_workers)
            else:
                await check_scheduler(await self._address(), self._target.connect_timeout_seconds)
            self._client = await self._connect()
        except ConfigurationError:
            raise
        except (OSError, ValueError, ImportError) as error:
            raise ConfigurationError(
                f"The executor can't reach {self.name}: {error}. Is the scheduler running, and its address right?"
            ) from error

    async def members(self) -> frozenset[str] | None:
        """Return the addresses of the Dask workers; None if the scheduler can't be reached just now."""
        try:
            if self._client is None or self._client.status == "closed":
                self._client = await self._connect()
            async with asyncio.timeout(_ANSWER_SECONDS):
                return frozenset(await self._client.nthreads())  # type: ignore[no-untyped-call]  # Dask has no types here
        except (OSError, ValueError):
            return None
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            return None  # the client was closed meanwhile

    async def run(self, address: str, function: Callable[..., Awaitable[Any]], *args: object) -> Any:  # noqa: ANN401 - what the function returns
        """Run a function in a Dask worker: by pickle, so that nothing need have been prepared there.

        Raises:
            OSError: it can't be reached, or is slower than the limit.
            Exception: what the function raised.
        """
        answers = await self._running_client().run(function, *args, workers=[address])
        return answers[address]

    async def call(self, address: str, operation: str, **arguments: object) -> Any:  # noqa: ANN401 - what the operation returns
        """Have a Dask worker carry out an operation that was added to its own, by a connection that is kept.

        Raises:
            OSError, Exception: as above.
        """
        try:
            if self._is_direct.get(address, True):
                return await getattr(self._open_client().rpc(address), operation)(**arguments)
            scheduler = cast("PooledRPCCall", self._running_client().scheduler)  # as in each client that runs
            return await scheduler.proxy(worker=address, msg={"op": operation, **arguments})
        except asyncio.CancelledError:
            if _is_cancelled():
                raise
            raise ConnectionError("the client of Dask was closed meanwhile") from None

    async def find_way(self, address: str) -> None:
        """Find out whether a Dask worker can be reached directly; if not, calls go through the scheduler."""
        try:
            async with asyncio.timeout(_WAY_SECONDS):
                await self._running_client().rpc(address).identity()
            self._is_direct[address] = True
        except OSError:
            self._is_direct[address] = False

    def submit(
        self, function: Callable[..., Any], *arguments: str, key: str, resource: str | None, address: str | None = None
    ) -> Future[None]:
        """Have Dask run a function as a task of its own, as soon as there is a free slot.

        Args:
            address: the one Dask worker that may run it; None for any.
        """
        return self._running_client().submit(
            function,
            *arguments,
            key=key,
            workers=None if address is None else [address],
            resources={resource: 1} if resource else None,
            pure=False,
        )

    async def close(self) -> None:
        """Leave the cluster; end one that was made here."""
        for each in (self._client, self._local):
            if each is not None:
                with contextlib.suppress(OSError):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await cast("Awaitable[None]", each.close())

    def _open_client(self) -> Client:
        """Return the client, also while it looks for the scheduler: it reaches Dask workers without."""
        if self._client is None or self._client.status in {"closing", "closed"}:
            raise ConnectionError("the client of Dask is closed")
        return self._client

    def _running_client(self) -> Client:
        if self._client is None or self._client.status != "running":
            raise ConnectionError("there is no connection to the scheduler")
        return self._client

    async def _address(self) -> str:
        target = self._target
        if target.scheduler_file is not None:
            return await scheduler_in(target.scheduler_file, target.connect_timeout_seconds)
        return target.scheduler or ""

    async def _connect(self) -> Client:
        client = Client(  # type: ignore[no-untyped-call]  # Dask has no types here
            self._local or await self._address(),
            timeout=self._target.connect_timeout_seconds,
            asynchronous=True,
            set_as_default=False,
            name="lilota",
        )
        return cast("Client", await client)


def _is_cancelled() -> bool:
    """Tell whether somebody wants the present task to end, which Dask does not when it cancels what waits for it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _start_local(number_of_workers: int) -> LocalCluster:
    cluster = LocalCluster(  # type: ignore[no-untyped-call]  # Dask has no types here
        n_workers=number_of_workers, threads_per_worker=1, dashboard_address=":0", asynchronous=True
    )
    return await cluster
