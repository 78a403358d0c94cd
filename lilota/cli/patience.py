"""Wait for a store that is away for a moment, and say so: for commands that look at it again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import Final, ParamSpec, TypeVar

import click

from lilota.contract import TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import StoreUnavailableError
from lilota.texts.safe import safe

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

#: For how long a store may be away: a restart of its server, or of its machine.
PATIENCE_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.5


class PatientStore(ForwardingStore):
    """Asks again while the store can't be reached. Only for calls that change nothing.

    Args:
        deadline: when to ask no more, by the monotonic clock.
    """

    def __init__(self, inner: TaskStore, deadline: float = inf) -> None:
        super().__init__(inner)
        self._deadline = deadline

    def forward(
        self, method: Callable[Arguments, Answer], *arguments: Arguments.args, **keywords: Arguments.kwargs
    ) -> Answer:
        """Ask until there is an answer."""
        give_up_at = min(self._deadline, time.monotonic() + PATIENCE_SECONDS)
        is_told = False
        while True:
            try:
                answer = method(*arguments, **keywords)
            except StoreUnavailableError as error:
                left = give_up_at - time.monotonic()
                if left <= 0:
                    raise
                if not is_told:
                    click.echo(safe(f"{error} Trying again."), err=True)
                    is_told = True
                time.sleep(min(left, _AGAIN_SECONDS))
            else:
                if is_told:
                    click.echo("The store answers again.", err=True)
                return answer
