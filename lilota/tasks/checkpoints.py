"""What an attempt leaves for the next one: a state to go on from, and the results of steps that are done.

Both are one JSON text that a store keeps with the task: {"state", "steps", "attempt", "lost", "left"}.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from lilota.errors import InvalidOutputError
from lilota.models import Claim, JSONObject
from lilota.tasks.jsonvalues import OUTPUT_LIMIT_BYTES, encode_object

#: Why an attempt is not the first one that has something to go on from.
Resumed = Literal["retry", "lost", "redeploy"]
#: So many steps of a task are kept.
STEPS_LIMIT: Final = 1000
_NAME_LIMIT: Final = 200


class Checkpoints:
    """The checkpoint of one attempt.

    Args:
        claim: with what an earlier attempt left.
        save: takes the text that the next attempt would get.
        wait: returns when the store has it.
    """

    def __init__(self, claim: Claim, save: Callable[[str], None], wait: Callable[[], None]) -> None:
        self._claim = claim
        self._save = save
        self._wait = wait
        before: JSONObject = json.loads(claim.checkpoint_json or "{}")
        self.resumed: Resumed | None = _why_again(before, claim)
        self._state_json = json.dumps(before.get("state"), ensure_ascii=False)
        self._steps: dict[str, str] = {
            name: json.dumps(result, ensure_ascii=False) for name, result in before.get("steps", {}).items()
        }
        self._left: Resumed | None = None
        self._has_something = bool(before)

    @property
    def state(self) -> Any:  # noqa: ANN401 - any JSON value
        """What was saved last, by this attempt or by one before; None if nothing was."""
        return json.loads(self._state_json)

    def save(self, state: object, *, durable: bool) -> None:
        """Save a state; see `TaskContext.checkpoint`."""
        text = encode_object({"state": state}, self._name, OUTPUT_LIMIT_BYTES, InvalidOutputError)
        self._state_json = text[len('{"state":') : -1]
        self._write(durable=durable)

    def leave_for_retry(self) -> None:
        """Tell the next attempt, be it of a retry by hand, that this one ended by itself."""
        if self._has_something:
            self._left = "retry"
            self._write(durable=False)

    def step(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - what the function returns
        """Run a step, unless it is done; see `TaskContext.step`."""
        from inspect import isawaitable, iscoroutinefunction  # noqa: PLC0415 - 4 ms; few tasks have steps

        self._check_step(name)
        if name in self._steps:
            known = json.loads(self._steps[name])
            return _at_once(known) if iscoroutinefunction(function) else known
        result = function(*args, **kwargs)
        return self._when_done(name, result) if isawaitable(result) else self._keep(name, result)

    async def _when_done(self, name: str, result: Awaitable[Any]) -> Any:  # noqa: ANN401 - as above
        import asyncio  # noqa: PLC0415 - it is there already, where a coroutine is

        kept = self._note(name, await result)
        await asyncio.to_thread(self._wait)
        return kept

    def _keep(self, name: str, result: object) -> Any:  # noqa: ANN401 - as above
        kept = self._note(name, result)
        self._wait()
        return kept

    def _note(self, name: str, result: object) -> Any:  # noqa: ANN401 - as above
        """Save the result, and return it as the next attempt would get it."""
        what = f"The result of the step {name!r} of the task {self._claim.id} ({self._claim.name!r})"
        text = encode_object({"result": result}, lambda: what, OUTPUT_LIMIT_BYTES, InvalidOutputError)
        self._steps[name] = text[len('{"result":') : -1]
        self._write(durable=False)
        return json.loads(self._steps[name])

    def _check_step(self, name: str) -> None:
        if not isinstance(name, str) or not 0 < len(name) <= _NAME_LIMIT or not name.isprintable():
            raise ValueError(f"A step is named by 1 to {_NAME_LIMIT} printable characters, not {name!r:.100}.")
        if name not in self._steps and len(self._steps) >= STEPS_LIMIT:
            raise ValueError(
                f"The task {self._claim.id} has {STEPS_LIMIT:,} steps already, and {name!r} would be one more. "
                "Keep a counter by checkpoint() instead."
            )

    def _write(self, *, durable: bool) -> None:
        steps = ",".join(f"{json.dumps(name)}:{result}" for name, result in self._steps.items())
        parts = [
            f'"state":{self._state_json}',
            f'"attempt":{self._claim.attempt}',
            f'"lost":{self._claim.lost_attempts}',
        ]
        if steps:
            parts.append(f'"steps":{{{steps}}}')
        if self._left:
            parts.append(f'"left":"{self._left}"')
        self._has_something = True
        text = "{" + ",".join(parts) + "}"
        if len(text) * 4 > OUTPUT_LIMIT_BYTES and len(text.encode()) > OUTPUT_LIMIT_BYTES:
            raise InvalidOutputError(
                f"{self._name()} is longer than {OUTPUT_LIMIT_BYTES:,} bytes, the results of its steps included. "
                "Put the data into a file and keep its path."
            )
        self._save(text)
        if durable:
            self._wait()

    def _name(self) -> str:
        return f"The checkpoint of the task {self._claim.id} ({self._claim.name!r})"


class KeepsCheckpoints:
    """What the attempts of tasks have in common that leave something for the next one."""

    claim: Claim
    _checkpoints: Checkpoints | None = None

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoint, read when the task first asks for it."""
        if self._checkpoints is None:
            self._checkpoints = Checkpoints(self.claim, self.save_checkpoint, self.wait_until_stored)
        return self._checkpoints

    def checkpoint(self, state: object, *, durable: bool) -> None:
        self.checkpoints.save(state, durable=durable)

    def last_checkpoint(self) -> Any:  # noqa: ANN401 - any JSON value
        return self.checkpoints.state

    def resumed(self) -> Resumed | None:
        return self.checkpoints.resumed

    def step(self, name: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - what the function returns
        return self.checkpoints.step(name, function, args, kwargs)

    def leave_for_retry(self) -> None:
        """The attempt ends by itself; tell the next one, if it has looked at its checkpoint."""
        if self._checkpoints is not None:
            self._checkpoints.leave_for_retry()

    def save_checkpoint(self, checkpoint_json: str) -> None:
        """Take the text that the next attempt would get."""
        raise NotImplementedError

    def wait_until_stored(self) -> None:
        """Return when the store has what was told so far."""
        raise NotImplementedError


async def _at_once(result: Any) -> Any:  # noqa: ANN401 - as above
    return result


def _why_again(before: JSONObject, claim: Claim) -> Resumed | None:
    """Compare what the attempt before knew of itself with the claim: an attempt that was not spent keeps its number."""
    if claim.lost_attempts > before.get("lost", 0):
        return "lost"
    if claim.attempt > before.get("attempt", 1):
        return "retry"
    return before.get("left", "redeploy") if before else None
