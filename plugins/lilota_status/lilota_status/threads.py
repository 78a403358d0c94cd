"""In which threads the blocking work of a page is done that an event loop serves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

Result = TypeVar("Result")


class Threads:
    """Those of the event loop; a framework that has one for each request has others."""

    async def ask(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call what may ask the application, by `allow` or `owner`."""
        return await asyncio.to_thread(function, *arguments)

    async def look(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call what asks nobody but the store, or the file area."""
        return await asyncio.to_thread(function, *arguments)

    async def leave(self) -> None:
        """Give back what belongs to the request: the application is asked no more, and the page may last."""


OF_LOOP: Final = Threads()
