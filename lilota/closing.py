"""`Closing`: what is closed at the end of a `with` block, or of an `async with` block, which blocks no event loop."""

from __future__ import annotations

import abc
from typing import Self


class Closing(abc.ABC):
    """Has a `close()`, which the end of a block calls."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        import asyncio  # noqa: PLC0415 - 15 ms; who is here has imported it

        await asyncio.to_thread(self.close)

    @abc.abstractmethod
    def close(self) -> None:
        """Give back what is held."""
