"""What simulated tasks do: a plan per task, drawn from the seed and carried in the task's input."""

from __future__ import annotations

import json
import random
from typing import Literal

import msgspec
from history.expectations import Expectation

from lilota.retry import Backoff
from lilota.tasks.options import TaskOptions

Kind = Literal["good", "failing", "returning", "poison", "clumsy", "stuck", "staining"]

#: The options of the simulated task classes; the name says what they are about.
OPTIONS = {
    "plain": TaskOptions(kill_after_seconds=0.5, max_lost_attempts=50),
    "waiting": TaskOptions(kill_after_seconds=0.5, max_lost_attempts=50, concurrent=True),
    "retried": TaskOptions(
        kill_after_seconds=0.5, max_attempts=3, max_lost_attempts=50, backoff=Backoff(first_seconds=0.2, jitter=0.5)
    ),
    "timed": TaskOptions(
        kill_after_seconds=0.3, timeout_seconds=1.5, max_attempts=2, max_lost_attempts=50, concurrent=True
    ),
    "fragile": TaskOptions(kill_after_seconds=0.5, max_lost_attempts=3),
    "impatient": TaskOptions(kill_after_seconds=0.0, timeout_seconds=0.8, max_lost_attempts=50),
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a task does.

    Attributes:
        kind: "good" succeeds; "failing" raises; "returning" raises Retry once; "poison" kills its worker each
            time; "clumsy" kills it `times` times; "stuck" never ends by itself; "staining" succeeds and makes its
            worker leave.
        seconds: how long an attempt takes.
        ignores: of an attempt to stop it: "nothing", "asking" or "sigterm" (and asking).
    """

    name: str
    kind: Kind
    seconds: float
    times: int = 1
    ignores: Literal["nothing", "asking", "sigterm"] = "nothing"


def draw_plan(rng: random.Random, kinds: tuple[Kind, ...]) -> Plan:
    """Draw what one task does."""
    kind = rng.choice(kinds) if rng.random() < 0.5 else "good"
    name = {"poison": "fragile", "stuck": rng.choice(("timed", "impatient"))}.get(kind, rng.choice(tuple(OPTIONS)))
    if kind == "clumsy":
        name = "plain"
    return Plan(
        name=name,
        kind=kind,
        seconds=_draw_seconds(rng, OPTIONS[name]),
        times=rng.randint(1, 2),
        ignores=rng.choice(("nothing", "asking", "sigterm")),
    )


def _draw_seconds(rng: random.Random, options: TaskOptions) -> float:
    longest = (options.timeout_seconds or 10.0) * 0.9
    scale = rng.choice((0.0005, 0.005, 0.03, 0.2, 1.0))
    return min(longest, rng.expovariate(1 / scale))


def to_input(plan: Plan) -> str:
    """Return the input of a task that follows the plan."""
    return msgspec.json.encode(plan).decode()


def from_input(input_json: str) -> Plan:
    """Return the plan in the input of a task."""
    return msgspec.json.decode(input_json, type=Plan)


def output_of(task_id: int, input_json: str) -> str:
    """Return the only right output of a task."""
    return json.dumps({"id": task_id, "seconds": from_input(input_json).seconds})


def expectation_of(plan: Plan, task_id: int) -> Expectation:
    """Return how a task that follows the plan may end."""
    is_bad = plan.kind in {"failing", "poison", "stuck"}
    return Expectation(
        what=plan.kind,
        may_succeed=not is_bad,
        may_fail=is_bad or plan.name == "fragile" or OPTIONS[plan.name].timeout_seconds is not None,
        output=json.loads(output_of(task_id, to_input(plan))),
        max_attempts=OPTIONS[plan.name].max_attempts,
    )
