"""Answer who asks where a running task is: ask its worker, from outside if need be."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from lilota.engine.engine import Engine
from lilota.engine.executor import Executor, ShowsStacks, StackWay
from lilota.engine.holdings import Place
from lilota.models import JSONObject
from lilota.running.driver import Driver
from lilota.texts.stacks import shows_task

#: So long a worker may take to answer in one way; if not by itself, C code holds its interpreter, or it has no time.
_ANSWER_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.03
#: So long the engine may take for a round: it may be waiting for its store.
_ENGINE_SECONDS: Final = 5.0


class StackFinder:
    """Finds the stack of a task of one runner. Used in the thread of the control socket."""

    def __init__(self, engine: Engine, executor: Executor, driver: Driver) -> None:
        self._engine = engine
        self._executor = executor
        self._driver = driver

    def answer(self, question: JSONObject) -> JSONObject:
        """Return {"stack", "pid", "attempt", "by_force"}, or {"none": why there is none, as a sentence}."""
        task_id = question.get("stack")
        if not isinstance(task_id, int):
            return _none("The runner does not know this question: it is of an older version.")
        try:
            return self._find(task_id)
        except TimeoutError:
            return _none("The engine of its runner does not answer: it waits for its store, or has just stopped.")

    def _find(self, task_id: int) -> JSONObject:
        executor = self._executor
        if not isinstance(executor, ShowsStacks):
            return _none(f"Its executor can't show stacks: {executor.capabilities().description}.")
        place = self._place_of(task_id)
        if place is None:
            return _none("Its runner does not have it any more: the attempt has just ended.")
        if place.worker is None:
            return _none("Its runner has it, but no worker runs it yet: it waits behind other tasks.")
        for way in StackWay:
            written = self._ask(executor, place.worker, way)
            if written is None:
                break
            pid, stack = written
            # A thread that has blocked the signal leaves it to another one, which shows itself.
            if stack and (way is not StackWay.SIGNAL or shows_task(stack)):
                if self._place_of(task_id) != place:
                    break
                return {"stack": stack, "pid": pid, "attempt": place.attempt, "by_force": way is not StackWay.MESSAGE}
        else:
            return _none(
                f"Its worker process {pid} does not answer, not even to a signal: it is stopped (SIGSTOP, a debugger), "
                "or the task has blocked or taken the signals SIGWINCH and SIGURG."
            )
        return _none("The attempt has ended while its worker was asked.")

    def _place_of(self, task_id: int) -> Place | None:
        return self._driver.ask(partial(self._engine.holdings.place_of, task_id), _ENGINE_SECONDS)

    def _ask(self, executor: ShowsStacks, worker: int, way: StackWay) -> tuple[int, str] | None:
        """Ask a worker; return what it has written when it writes no more, or None if it is gone."""
        self._driver.ask(partial(executor.ask_for_stack, worker, way), _ENGINE_SECONDS)
        give_up_at = time.monotonic() + _ANSWER_SECONDS
        before = ""
        while True:
            time.sleep(_LOOK_SECONDS)
            seen = self._driver.ask(partial(executor.stack, worker), _ENGINE_SECONDS)
            if seen is None or (seen[1] and seen[1] == before) or time.monotonic() >= give_up_at:
                return seen
            before = seen[1]


def _none(why: str) -> JSONObject:
    return {"none": why}
