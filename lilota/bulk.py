"""Cancel or retry many tasks, one after the other: which they are is fixed before the first one is touched."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, Unpack

from lilota.adding.retrying import run_again
from lilota.contract import TaskStore
from lilota.errors import ConfigurationError, StoreUnavailableError, TaskNotFoundError, TaskStateError
from lilota.finding import TaskFilter, chosen_states, find_tasks
from lilota.models import TERMINAL_STATES, Record, TaskInfo, TaskState
from lilota.texts.words import count


class Fate(enum.StrEnum):
    """What became of a task that was to be cancelled or retried.

    Attributes:
        ASKED: it runs, and was asked to end.
        UNCHANGED: its state did not allow it: it had ended before, say, or somebody else was quicker.
        MISSING: the store does not have it; it may have been pruned.
    """

    CANCELLED = "cancelled"
    ASKED = "asked"
    RETRIED = "retried"
    UNCHANGED = "unchanged"
    MISSING = "missing"


class Fates(Record, frozen=True, kw_only=True):
    """How many tasks had which fate; see `Fate`."""

    cancelled: int = 0
    asked: int = 0
    retried: int = 0
    unchanged: int = 0
    missing: int = 0


class Acted(NamedTuple):
    """What became of one task.

    Attributes:
        why: why it is unchanged or missing, in a sentence; "" otherwise.
    """

    task_id: int
    fate: Fate
    why: str = ""


class Action(NamedTuple):
    """What is done to each task.

    Attributes:
        name: "cancel" or "retry".
        past: the same for people who read what was done.
        states: the states of the tasks for which it makes sense.
        usual_states: those that are meant where nobody names one.
        act: does it to one task, or raises TaskNotFoundError or TaskStateError.
    """

    name: str
    past: str
    states: tuple[TaskState, ...]
    usual_states: tuple[TaskState, ...]
    act: Callable[[TaskStore, int], Fate]


def matching(store: TaskStore, action: Action, wanted: TaskFilter) -> Iterator[TaskInfo]:
    """Give the tasks that a filter means for an action, the newest first, perhaps without input, output and checkpoint.

    Raises:
        ConfigurationError: the filter names nothing, or states in which a task can't be acted on so.
    """
    return find_tasks(store, brief=True, **meant(action, wanted))


def meant(action: Action, wanted: TaskFilter) -> TaskFilter:
    """Return a filter with the states that it means for an action.

    Raises:
        ConfigurationError: as for `matching`.
    """
    if not any(value is not None for value in wanted.values()):
        raise ConfigurationError(f"Say which tasks to {action.name}: ids, or a filter as states=, names= or since=.")
    states = chosen_states(wanted)
    if states is None:
        states = action.usual_states
    wrong = [state for state in states if state not in action.states]
    if wrong:
        possible = " or ".join(action.states)
        raise ConfigurationError(f"A task that is {wrong[0]} can't be {action.past}; only one that is {possible}.")
    return {**wanted, "states": states}


def act_on(store: TaskStore, action: Action, task_ids: Iterable[int]) -> Iterator[Acted]:
    """Act on each task once, and give what became of it; one that has changed meanwhile stops nothing.

    Raises:
        StoreUnavailableError: the store went away. The message says how many tasks had been acted on.
    """
    done = 0
    for task_id in dict.fromkeys(task_ids):
        try:
            acted = Acted(task_id, action.act(store, task_id))
            done += 1
        except TaskNotFoundError as error:
            acted = Acted(task_id, Fate.MISSING, str(error))
        except TaskStateError as error:
            acted = Acted(task_id, Fate.UNCHANGED, str(error))
        except StoreUnavailableError as error:
            raise StoreUnavailableError(
                f"{error} Before, {count(done, 'task')} had been {action.past}. "
                "Do the same again when the store is back: it goes on with the others."
            ) from error
        yield acted


def act_on_all(
    store: TaskStore, action: Action, task_ids: int | Iterable[int] | None, **wanted: Unpack[TaskFilter]
) -> Fates:
    """Act on tasks by id, or on those that a filter means, the oldest first; return how many had which fate.

    Raises:
        ConfigurationError: there are both, or neither, or the filter can't be used; nothing was done.
        StoreUnavailableError: as for `act_on`.
    """
    if task_ids is None:
        # All ids are there before anything is done: what is added or changes from now on is not among them.
        task_ids = sorted(task.id for task in matching(store, action, wanted))
    elif wanted:
        raise ConfigurationError(f"Say which tasks to {action.name} by their ids or by a filter, not by both.")
    ids = [task_ids] if isinstance(task_ids, int) else task_ids
    return Fates(**Counter(acted.fate.value for acted in act_on(store, action, ids)))


def _cancel(store: TaskStore, task_id: int) -> Fate:
    state = store.cancel(task_id)
    if state is TaskState.CANCELLED:
        return Fate.CANCELLED  # perhaps it was before; nobody can tell, and it makes no difference
    if state.is_terminal:
        raise TaskStateError(f"Task {task_id} has already {state}; there is nothing to cancel.")
    return Fate.ASKED


def _retry(store: TaskStore, task_id: int) -> Fate:
    run_again(store, task_id)
    return Fate.RETRIED


_NOT_ENDED: Final = tuple(state for state in TaskState if state not in TERMINAL_STATES)

CANCEL: Final = Action("cancel", "cancelled", _NOT_ENDED, _NOT_ENDED, _cancel)
#: Who cancelled a task did not want it: it runs again only for those who name that state.
RETRY: Final = Action("retry", "retried", (TaskState.FAILED, TaskState.CANCELLED), (TaskState.FAILED,), _retry)
