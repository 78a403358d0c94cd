"""The thread that Django has for a request, with its connections: given back before a page lasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections, connections

from lilota_status.threads import Result, Threads


class RequestThreads(Threads):
    """Those of Django under ASGI.

    Django keeps a thread for each request until its answer has ended, and so the connections to databases that were
    opened in it: one of each for every open page, of a database that has a hundred.
    """

    async def ask(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function where the middleware of the project has run, with the connections of the request."""
        return await sync_to_async(function, thread_sensitive=True)(*arguments)

    async def look(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function in one of a few threads, which keep connections as long as the project says."""
        return await asyncio.to_thread(_with_connections, function, *arguments)

    async def leave(self) -> None:
        """End the thread of the request; should it be needed again, asgiref makes another one."""
        await self.ask(_close_connections)
        # asgiref documents no way to end a thread before its request: where a release has no such table, it stays.
        threads = getattr(SyncToAsync, "context_to_thread_executor", None)
        if threads is not None and (context := SyncToAsync.thread_sensitive_context.get(None)) is not None:
            threads.pop(context, None)  # without a context it is not the request's alone, as with Django's test client


def _with_connections(function: Callable[..., Result], *arguments: object) -> Result:
    close_old_connections()  # as Django does before and after a request
    try:
        return function(*arguments)
    finally:
        close_old_connections()


def _close_connections() -> None:
    """Close those of this thread, unless a transaction of the project is around the request."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
