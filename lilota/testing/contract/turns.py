"""The contract of `take_turn`: a chore that several runners share is done by one of them at a time."""

from __future__ import annotations

import threading
import uuid

import pytest

from lilota.contract import TaskStore
from lilota.testing.contract.harness import ContractFixtures, in_threads, poll

ASKERS = 8


class TurnsContract(ContractFixtures):
    """What runners can rely on that share a chore."""

    @pytest.fixture
    def chore(self) -> str:
        """A chore of this test's own: a store remembers turns for longer than a test lasts."""
        return f"contract-{uuid.uuid4().hex}"

    def test_the_first_who_asks_gets_the_turn_and_the_next_does_not(self, store: TaskStore, chore: str) -> None:
        """Whoever comes while the time is not up has nothing to do."""
        answers = [store.take_turn(chore, 3600) for _ in range(3)]

        assert answers == [True, False, False]

    def test_one_of_several_threads_gets_the_turn(self, store: TaskStore, chore: str) -> None:
        """However many ask at the same moment."""
        together = threading.Barrier(ASKERS)
        answers: list[bool] = []

        def ask() -> None:
            together.wait()
            answers.append(store.take_turn(chore, 3600))

        in_threads(*[ask] * ASKERS)

        assert sorted(answers) == [False] * (ASKERS - 1) + [True]

    def test_the_turn_comes_again_when_the_time_is_up(self, store: TaskStore, chore: str) -> None:
        """Nobody has to give it back: if the one who took it dies, it is another's next time."""
        store.take_turn(chore, 3600)

        assert poll(lambda: store.take_turn(chore, 0.05), "The next turn")
        assert not store.take_turn(chore, 3600)

    def test_a_turn_that_was_refused_does_not_put_off_the_next(self, store: TaskStore, chore: str) -> None:
        """The time counts from the last turn, not from the last question."""
        store.take_turn(chore, 3600)

        # If each question put it off, asking more often than that would never be answered with a yes.
        assert poll(lambda: store.take_turn(chore, 0.3), "The next turn")

    def test_chores_are_independent(self, store: TaskStore, chore: str) -> None:
        """A turn at one says nothing about another, whatever their names are."""
        names = [chore, f"{chore} ", f"{chore}:x", chore.upper(), f"é{chore}"]

        assert [store.take_turn(name, 3600) for name in names] == [True] * len(names)
        assert [store.take_turn(name, 3600) for name in names] == [False] * len(names)

    def test_a_chore_for_which_no_time_must_pass_is_always_due(self, store: TaskStore, chore: str) -> None:
        """0 seconds have always passed."""
        assert [store.take_turn(chore, 0) for _ in range(3)] == [True] * 3
