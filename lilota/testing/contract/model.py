"""The contract as a game: Hypothesis plays random moves on the store and on a small model, and compares."""

from __future__ import annotations

import os
from typing import ClassVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from lilota.contract import TaskStore
from lilota.testing.contract.harness import ContractFixtures
from lilota.testing.contract.machine import StoreMachine


class ModelContract(ContractFixtures):
    """What holds whatever the order of calls.

    Attributes:
        model_examples: how many games are played; raise it for a nightly run.
        model_steps: how many moves a game has at most.
        model_phases: what Hypothesis does; leave out `shrink` to be told quickly rather than shortly.
    """

    model_examples: ClassVar[int] = 100
    model_steps: ClassVar[int] = 40
    model_phases: ClassVar[tuple[Phase, ...]] = (Phase.generate, Phase.shrink)

    def test_any_sequence_of_calls_agrees_with_the_model(self, store: TaskStore) -> None:
        """Tasks, counts, logs, pages, grants and refusals are those of a model that fits on a page."""
        run_state_machine_as_test(
            lambda: StoreMachine(store),  # type: ignore[arg-type]  # documented to take any factory
            settings=settings(
                max_examples=self.model_examples,
                stateful_step_count=self.model_steps,
                deadline=None,
                # A run in CI says the same for the same code; elsewhere each run looks for something new.
                derandomize="CI" in os.environ,
                database=None,
                # The store is a fixture of the test on purpose: the machine empties it after each game.
                suppress_health_check=list(HealthCheck),
                phases=self.model_phases,
                print_blob=False,
            ),
        )
