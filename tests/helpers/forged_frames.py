"""Frames that no worker sends: honest ones, changed in a few places, by chance."""

from __future__ import annotations

import copy
import json
import random
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from lilota.contract import Fence
from lilota.engine.messages import (
    Finish,
    FromWorker,
    Lacking,
    Leaving,
    Loaded,
    Ready,
    Recall,
    Remarks,
    Report,
    Unfit,
)
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome, TaskError, TaskState
from lilota.retry import Backoff
from lilota.tasks.options import TaskOptions

_NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        101,
        2**31 - 1,
        2**31,
        -(2**31) - 1,
        2**53,
        2**63 - 1,
        2**63,
        -(2**63) - 1,
        2**64,
        10**30,
        -(10**30),
    ),
    *(0.5, -0.0, 1e-320, 1e15, 1e18, 1.79e308, -1.79e308, 253_402_300_799.9, -62_135_596_801.0),
    *(float("nan"), float("inf"), float("-inf")),
)
_TEXTS = (
    *("", "x", "\0", "x" * 9_000, "\ud800", "\x1b[2J", "{}", "[]", '{"a": "\\u0000"}', '{"a":' + "[" * 2_000),
    *("running", "waiting", "pending", "succeeded", "failed", "cancelled", "lilota", "output", "log", "elsewhere"),
    *("Ready", "Unfit", "Loaded", "Lacking", "Report", "Remarks", "Leaving", "RunClaims", "Finish"),
)
#: Signs for the number of the own attempt, for the own id and token, and for those of seven attempts elsewhere.
_SIGNS = tuple(range(700_000_001, 700_000_018))
_SIGN_BYTES = b"7000000"
_ATTEMPT, _OWN = _SIGNS[0], (_SIGNS[1], _SIGNS[2])
_FENCES = tuple(zip(_SIGNS[1::2], _SIGNS[2::2], strict=True))
_OTHERS = (None, True, False, [], {}, [[]], {"a": {}}, [1, 2, 3])


class Forged(NamedTuple):
    """A frame before it is known who sends it: with signs in the place of ids and tokens.

    Attributes:
        length: what the frame says of its length, if that is a lie.
    """

    body: bytes
    length: int | None = None

    def bound(self, own: Claim, fences: Sequence[Fence]) -> bytes:
        """Return the frame as the worker that runs an attempt sends it.

        Args:
            fences: attempts that there are, in whichever worker, and some that there were.
        """
        values = [own.attempt, *own.fence, *(number for fence in fences for number in fence)]
        body = self.body
        if _SIGN_BYTES in body:
            for sign, value in zip(_SIGNS, values, strict=False):
                body = body.replace(b"%d" % sign, b"%d" % value)
        return struct.pack("!I", len(body) if self.length is None else self.length) + body


def forge(rng: random.Random, names: list[str]) -> Forged:
    """Return a frame as a task may write it in the name of its worker.

    Args:
        names: the task names of the runner; tasks of the last one forge.
    """
    body = _text_of(_changed(rng, _honest(rng, names)))
    if rng.random() < 0.05:
        body = _damaged(rng, body)
    return Forged(body, rng.choice((0, 1, 2**31, 2**32 - 1)) if rng.random() < 0.005 else None)


def _honest(rng: random.Random, names: list[str]) -> Any:
    """Return, as what JSON knows, a message of about the kind that is expected."""
    task_id, token = _OWN if rng.random() < 0.8 else rng.choice(_FENCES)
    name = names[-1] if rng.random() < 0.7 else rng.choice(names)
    line = LogLine(at=1.7e9, text="line", attempt=_ATTEMPT, logger="app")
    error = TaskError(type="ValueError", message="m", traceback="t")
    state = rng.choice((TaskState.SUCCEEDED, TaskState.FAILED, TaskState.PENDING, TaskState.CANCELLED))
    options = TaskOptions(timeout_seconds=30.0, backoff=Backoff())
    news: dict[str, Any] = {
        "started": {"pid": 7, "started_at": 1.7e9},
        "progress": {"progress": 50.0},
        "output": {"output_json": '{"a":1}'},
        "lines": {"log_lines": (line,) * rng.choice((1, 2, 40))},
        "end": {"outcome": Outcome(state=state, error=error, delay_seconds=0.1)},
    }
    updates = [
        AttemptUpdate(id=task_id, token=token, **news[rng.choice(tuple(news))]) for _ in range(rng.choice((1, 1, 3)))
    ]
    messages: tuple[FromWorker | Recall | Finish, ...] = (
        *(Report(updates=tuple(updates), durations={name: (1, 0.1)}),) * 12,
        Report(returned=((task_id, token),)),
        Report(updates=tuple(updates), question=(task_id, token, 1)),
        Loaded(name, options),
        Ready(7),
        Unfit(7, "x"),
        Lacking(name, "x"),
        Remarks(7, (line,) * rng.choice((1, 2, 40))),
        Leaving(),
        rng.choice((Recall(), Finish())),
    )
    return json.loads(msgspec.json.encode(rng.choice(messages)))


def _changed(rng: random.Random, message: Any) -> Any:
    """Change a message in up to three places."""
    for _ in range(rng.choice((0, 0, 1, 1, 1, 2, 3))):
        holder = message
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = rng.choice(keys)
            if isinstance(holder[key], dict | list) and rng.random() < 0.8:
                holder = holder[key]
                continue
            _change(rng, holder, key)
            break
    return message


def _change(rng: random.Random, holder: Any, key: Any) -> None:
    """Change a value, leave it out, or put something beside it."""
    what = rng.random()
    if what < 0.75:
        holder[key] = _value(rng, holder[key])
    elif what < 0.85:
        del holder[key]
    elif isinstance(holder, list):
        holder.extend([holder[key]] * rng.choice((1, 50, 12_000)))
    else:
        fields = ("log_offset", "max_lost_attempts", "lost", "spends_attempt", "attempt", "level", "source", "logger")
        holder[rng.choice(fields)] = _value(rng, 1)


def _value(rng: random.Random, value: Any) -> Any:
    if isinstance(value, int | float) and rng.random() < 0.8:
        return rng.choice((*_NUMBERS, *rng.choice(_FENCES)))
    if isinstance(value, str) and rng.random() < 0.8:
        return rng.choice(_TEXTS)
    return copy.deepcopy(rng.choice((*_NUMBERS, *_TEXTS, *_OTHERS)))  # it may be changed in its turn


def _text_of(message: Any) -> bytes:
    return json.dumps(message).encode()


def _damaged(rng: random.Random, body: bytes) -> bytes:
    """Change bytes, wherever that leads."""
    place = rng.randrange(len(body) + 1)
    return rng.choice(
        (
            body[:place],
            body[:place] + bytes([rng.randrange(256)]) + body[place + 1 :],
            body[:place] + b"\xff\xfe" + body[place:],
            body[:place] + b"9" * 5_000 + body[place:],
            b"[" * 100_000,
            body + body,
        )
    )
