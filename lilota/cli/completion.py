"""What a shell completes at a press of the tab key: names of tasks, their ids, queues, stores."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stderr
from typing import TYPE_CHECKING, Final, TypeVar

import click

from lilota.cli.output import reserved_stdout
from lilota.cli.session import Session
from lilota.texts.safe import safe

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from lilota.contract import TaskStore
    from lilota.models import TaskState

Offer = TypeVar("Offer")
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
#: What may be typed, each with a note for shells that show one.
Offers = Mapping[str, str | None]

#: How many of the newest tasks are offered, from among which a person may choose by the eye.
_NEWEST_TASKS: Final = 30


def quietly(find: Callable[[], Iterable[Offer]]) -> Iterable[Offer]:
    """Return what is found; nothing if it can't be found.

    A person is in the middle of a line: whatever is wrong with the settings or the store, they learn it when they run
    the command. An error or a warning between the words would help nobody.
    """
    with reserved_stdout(), redirect_stderr(io.StringIO()):
        try:
            return find()
        except Exception:  # noqa: BLE001 - as the docstring says
            return ()


def _completion(find: Callable[[Session], Offers]) -> Complete:
    """Offer what is found and begins as typed."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - start-up stays quick

        offers = quietly(lambda: find(context.ensure_object(Session)).items())
        return [CompletionItem(value, help=note) for value, note in offers if value.startswith(typed)]

    return complete


def _task_names(session: Session) -> Offers:
    return dict.fromkeys(session.registry.names())


def _task_ids(states: tuple[TaskState, ...] | None) -> Callable[[Session], Offers]:
    def find(session: Session) -> Offers:
        from lilota.contract import TaskQuery  # noqa: PLC0415 - start-up stays quick

        with session.open_store() as store:
            tasks = store.find(TaskQuery(states=states, limit=_NEWEST_TASKS))
        return {str(task.id): safe(f"{task.name}, {task.state}") for task in tasks}

    return find


def _used(read: Callable[[TaskStore], Iterable[str]]) -> Callable[[Session], Offers]:
    """Find what tasks in the store have, each once."""

    def find(session: Session) -> Offers:
        with session.open_store() as store:
            return dict.fromkeys(sorted(set(read(store))))

    return find


def _stores(session: Session) -> Offers:
    return dict.fromkeys(session.plugins.store_names())


def complete_task_id_in(states: Sequence[TaskState]) -> Complete:
    """Offer the newest tasks in these states: a command that acts on no others would refuse them."""
    return _completion(_task_ids(tuple(states)))


#: The names that can be added here.
complete_task_name: Final = _completion(_task_names)
#: The newest tasks; shells that show help show what each is.
complete_task_id: Final = _completion(_task_ids(None))
#: The names and the queues that tasks in the store have.
complete_used_name: Final = _completion(_used(lambda store: (count.name for count in store.counts())))
complete_used_queue: Final = _completion(_used(lambda store: (count.queue for count in store.counts())))
#: The stores that are installed.
complete_store: Final = _completion(_stores)
