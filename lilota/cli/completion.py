"""What a shell completes at a press of the tab key: names of tasks, their keys, ids, queues and owners, stores."""

from __future__ import annotations

import io
import json
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
    from lilota.models import JSONObject, TaskState

Offer = TypeVar("Offer")
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]
#: What may be typed, each with a note for shells that show one.
Offers = Mapping[str, str | None]

#: How many of the newest tasks are offered, from among which a person may choose by the eye.
_NEWEST_TASKS: Final = 30

_NO_SPACE: Final = '[[ "${COMPREPLY[*]}" == *= ]] && compopt -o nospace'


def quietly(find: Callable[[], Iterable[Offer]]) -> Iterable[Offer]:
    """Return what is found; nothing if it can't be found.

    A person is in the middle of a line: whatever is wrong with the settings or the store, they learn it when they run
    the command. An error or a warning between the words would help nobody.
    """
    with redirect_stderr(io.StringIO()), reserved_stdout():  # which leads to it what others print
        try:
            return find()
        except Exception:  # noqa: BLE001 - as the docstring says
            return ()


def let_values_follow_keys() -> None:
    """Have bash put no space behind "key=", in the script that it asks for."""
    from click.shell_completion import BashComplete, add_completion_class  # noqa: PLC0415 - start-up stays quick

    class Bash(BashComplete):
        source_template = BashComplete.source_template.replace("    return 0\n", f"    {_NO_SPACE}\n    return 0\n")

    add_completion_class(Bash)


def _completion(find: Callable[[Session], Offers]) -> Complete:
    """Offer what is found and begins as typed."""

    def complete(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - start-up stays quick

        offers = quietly(lambda: find(context.ensure_object(Session)).items())
        return [CompletionItem(value, help=note) for value, note in offers if value.startswith(typed)]

    return complete


def _task_names(session: Session) -> Offers:
    """Find what is configured or installed, what runners serve, and what was added before.

    What modules of the settings declare is found in this way, too, once a worker runs. They are not imported for it: a
    person waits for the shell, and the code of a whole application takes its time.
    """
    known = {*session.settings.tasks, *session.plugins.task_names()}
    return dict.fromkeys(sorted({*known, *quietly(lambda: _names_in_store(session))}))


def _names_in_store(session: Session) -> Iterable[str]:
    from lilota.serving import Service  # noqa: PLC0415 - start-up stays quick

    with session.open_store() as store:
        served = [name for runner in store.runners() for name in Service.told_by(runner).names or ()]
        return [*served, *(count.name for count in store.counts())]


def complete_pair(context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Offer the keys that the input of the named task may have and that were not typed yet, or the values of one.

    The one task is imported for that: its keys are nowhere else. If it can't be, or takes any, nothing is offered.
    """
    from click.shell_completion import CompletionItem  # noqa: PLC0415 - start-up stays quick

    session, name = context.ensure_object(Session), context.params.get("name") or ""
    pairs: Sequence[str] = context.params.get("pairs") or ()
    offers = quietly(lambda: _pairs(session, name, pairs, typed).items())
    return [CompletionItem(value, help=note) for value, note in offers if value.startswith(typed)]


def _pairs(session: Session, name: str, pairs: Sequence[str], typed: str) -> Offers:
    from lilota.schemas import descriptions_of_keys  # noqa: PLC0415 - start-up stays quick

    signature = session.signature(name)
    schema = {} if signature is None else signature.input_schema()
    known = [pair.partition("=") for pair in _joined(pairs)]
    key, separator, _ = typed.partition("=")
    if not separator and known and not known[-1][2]:  # the value is a word of its own
        return dict.fromkeys(_values(schema, known[-1][0]))
    if separator:
        return dict.fromkeys(f"{key}={value}" for value in _values(schema, key))
    used = {name for name, _, _ in known}
    return {f"{each}=": note for each, note in descriptions_of_keys(schema).items() if each not in used}


def _joined(words: Sequence[str]) -> list[str]:
    """Put together again what bash has split at "="."""
    joined: list[str] = []
    is_open = False
    for word in words:
        if joined and (is_open or word == "="):
            joined[-1] += word
        else:
            joined.append(word)
        is_open = word == "="
    return joined


def _values(schema: JSONObject, key: str) -> list[str]:
    from lilota.schemas import values_of_key  # noqa: PLC0415 - start-up stays quick

    return [each if isinstance(each, str) else json.dumps(each) for each in values_of_key(schema, key)]


def _task_ids(states: tuple[TaskState, ...] | None) -> Callable[[Session], Offers]:
    def find(session: Session) -> Offers:
        from lilota.contract import TaskQuery  # noqa: PLC0415 - start-up stays quick

        with session.open_store() as store:
            tasks = store.find(TaskQuery(states=states, limit=_NEWEST_TASKS, brief=True))
        return {str(task.id): safe(f"{task.name}, {task.state}") for task in tasks}

    return find


def _used(read: Callable[[TaskStore], Iterable[str]]) -> Callable[[Session], Offers]:
    """Find what tasks in the store have, each once."""

    def find(session: Session) -> Offers:
        with session.open_store() as store:
            return dict.fromkeys(sorted(set(read(store))))

    return find


def _owners(store: TaskStore) -> Iterable[str]:
    from lilota.contract import TaskQuery  # noqa: PLC0415 - start-up stays quick

    return [task.owner for task in store.find(TaskQuery(limit=_NEWEST_TASKS, brief=True)) if task.owner is not None]


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
#: The owners of the newest tasks.
complete_used_owner: Final = _completion(_used(_owners))
#: The stores that are installed.
complete_store: Final = _completion(_stores)
