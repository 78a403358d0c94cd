"""A store of strangers, of which a runner hears answers and `LilotaError`s, and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from lilota.contract import TaskStore
from lilota.contract.forwarding import ForwardingStore
from lilota.errors import LilotaError, StoreError
from lilota.plugins.strangers import let_pass, one_line
from lilota.texts.secrets import mask_text

logger: logging.Logger = logging.getLogger("lilota.plugins")

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class StoreFaultError(StoreError):
    """A store has raised what no store should: it has a bug, or its driver an error that it does not know.

    A runner is as patient with it as with a store that is away: mostly it is one, behind a driver's error that nobody
    has translated. To end instead would lose what runs, and come to nothing: what is started anew has the same store.
    """


class GuardedStore(ForwardingStore):
    """Passes every call on, and turns whatever comes out that is no `LilotaError` into a `StoreFaultError`.

    Each kind of fault is logged once with its traceback; whoever has called says what the fault means.
    """

    def __init__(self, inner: TaskStore) -> None:
        super().__init__(inner)
        self._logged: set[tuple[str, type[BaseException]]] = set()

    def forward(
        self, method: Callable[_Arguments, _Answer], *arguments: _Arguments.args, **keywords: _Arguments.kwargs
    ) -> _Answer:
        """Call a method of the store.

        Raises:
            LilotaError: the store has raised it.
            StoreFaultError: the store has raised anything else.
        """
        try:
            return method(*arguments, **keywords)
        except LilotaError:
            raise
        except BaseException as error:
            called = f"{getattr(method, '__name__', method)}()"
            what = f"{called} of the store {type(self.inner).__name__} ({type(self.inner).__module__})"
            let_pass(error, what)
            self._log(called, error, what)
            raise StoreFaultError(
                f"{what} raised {mask_text(one_line(error))}. Mend or upgrade its package."
            ) from error

    def _log(self, called: str, error: BaseException, what: str) -> None:
        kind = (called, type(error))
        if kind not in self._logged:
            self._logged.add(kind)
            logger.error("What no store should raise came out of %s:", what, exc_info=error)
