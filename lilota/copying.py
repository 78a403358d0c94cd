"""Copy all tasks of one store into another: with their ids, states, outputs and logs.

The newest tasks are copied first. From then on, whatever is added to the target gets higher ids than all of them, so
that no id is taken by another task while older pages are still on their way.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from lilota.contract import RunnerInfo, StoredTask, TaskQuery, TaskStore
from lilota.contract.noted import all_notes, notes_reader
from lilota.errors import ConfigurationError, TaskStateError
from lilota.models import LogLine, Note, TaskInfo, TaskState
from lilota.texts.words import count

_PAGE: Final = 500
_LOG_PAGE: Final = 1000
#: How many characters are written in one step at most, if a single task is not longer.
_STEP_CHARACTERS: Final = 4_000_000
#: Stores may keep instants to a millisecond only.
_SAME_INSTANT: Final = timedelta(milliseconds=2)
_PROBE_SECONDS: Final = 60.0
#: What a store may keep of tasks, and a store of before does not.
_KEPT: Final = frozenset({"headers", "owners", "checkpoints", "notes"})


class Copied(NamedTuple):
    """What became of a page.

    Attributes:
        existing: how many were there already, from a copy that was interrupted.
    """

    copied: int
    existing: int


def check_copy(source: TaskStore, target: TaskStore) -> int:
    """Make sure that all tasks of one store can be copied into another, and return how many they are.

    What dead runners held at the source is taken back; nothing else is written.

    Raises:
        ConfigurationError: one of them lives in this process alone, the target keeps less of a task, both are the same,
            the source holds no tasks, or the target has tasks of its own under ids of the source.
        TaskStateError: tasks of the source are running, or a runner is alive that may start some.
    """
    _check_stores(source, target)
    _check_quiet(source)
    number = _counts(source).total()
    if not number:
        raise ConfigurationError(f"The source ({source.capabilities().description}) holds no tasks. Is its URL right?")
    for page in _pages(target):
        _existing(page, _find(source, page))
    return number


def copy_tasks(
    source: TaskStore, target: TaskStore, carry: Callable[[Note], Note] = lambda note: note
) -> Iterator[Copied]:
    """Copy page after page; after an interruption, calling it again goes on. Call `check_copy` first.

    Args:
        carry: is given each note, and returns what the target gets; what a note stands for may go along.

    Raises:
        ConfigurationError: the target holds another task under the same id.
        TaskStateError: tasks of the source were added, changed or run meanwhile. All pages were copied.
    """
    before = _counts(source)
    for page in _pages(source):
        existing = _existing(page, _find(target, page))
        missing = [info for info in page if info.id not in existing]
        for step in _steps(source, missing, carry):
            _write(target, step)
        yield Copied(len(missing), len(existing))
    _check_quiet(source)
    if _counts(source) != before:
        raise TaskStateError(
            "Tasks of the source were added or changed while they were copied. Stop the programs that do so, and copy "
            "again: new tasks are added then. What has only changed since stays at the target as it was."
        )


def _check_stores(source: TaskStore, target: TaskStore) -> None:
    """Make sure that both can be used for a copy, and that they are two."""
    for store in (source, target):
        promises = store.capabilities()
        if not promises.multi_process:
            raise ConfigurationError(
                f"The store ({promises.description}) lives in this process alone: it is empty now, and what is "
                "copied into it is gone when this program ends."
            )
    lost = sorted(_KEPT.intersection(source.capabilities().supports) - target.capabilities().supports)
    if lost:
        raise ConfigurationError(
            f"The target ({target.capabilities().description}) keeps no {', '.join(lost)}: what tasks of the source "
            "have of that would be lost. Upgrade the package of the target, or choose another one."
        )
    # Two URLs may lead to one database; what one of them wrote and the other one reads, leaves no doubt.
    probe = f"copy-{secrets.token_hex(8)}"
    target.heartbeat(RunnerInfo(id=probe, lease_seconds=_PROBE_SECONDS))
    try:
        are_one = probe in [runner.id for runner in source.runners()]
    finally:
        target.release(probe)
    if are_one:
        raise ConfigurationError(
            f"Source and target are the same store ({source.capabilities().description}); name another target."
        )


def _check_quiet(source: TaskStore) -> None:
    """Make sure that nobody runs tasks of the source; what dead runners held is taken back."""
    source.rescue()
    alive = [f"{runner.host or '?'} (process {runner.pid})" for runner in source.runners() if not runner.has_expired]
    if alive:
        raise TaskStateError(
            f"The source is in use by {count(len(alive), 'runner')}: {', '.join(alive[:5])}. A task that it runs "
            "meanwhile would run again at the target. Stop them first; `lilota runners` shows them."
        )
    running = sum(row.count for row in source.counts() if row.state is TaskState.RUNNING)
    if running:
        raise TaskStateError(f"{count(running, 'task')} of the source are running. Wait for them, or cancel them.")


def _write(target: TaskStore, step: Sequence[StoredTask]) -> None:
    if target.restore(step) != len(step):
        raise ConfigurationError(
            "The target was written by somebody else meanwhile, under ids of tasks that were to be copied. Stop the "
            "programs that add tasks to it, and choose an empty target."
        )


def _pages(store: TaskStore) -> Iterator[list[TaskInfo]]:
    """Give all tasks, the newest first."""
    after_id = None
    while page := store.find(TaskQuery(limit=_PAGE, after_id=after_id)):
        yield page
        after_id = page[-1].id


def _find(store: TaskStore, page: Sequence[TaskInfo]) -> dict[int, TaskInfo]:
    """Return those of the tasks that another store has too, by id."""
    return {info.id: info for info in store.find(TaskQuery(ids=tuple(info.id for info in page), limit=len(page)))}


def _counts(store: TaskStore) -> Counter[tuple[str, str, TaskState]]:
    return Counter({(row.queue, row.name, row.state): row.count for row in store.counts()})


def _existing(page: Sequence[TaskInfo], others: dict[int, TaskInfo]) -> set[int]:
    """Return the ids that the other store has too, or raise if one of them is another task there."""
    for info in page:
        other = others.get(info.id)
        if other is not None and not _is_same(info, other):
            raise ConfigurationError(
                f"The target holds tasks of its own: in one store the task {info.id} is {info.name!r} of "
                f"{_shown(info)}, in the other one {other.name!r} of {_shown(other)}. Choose an empty target."
            )
    return set(others)


def _shown(info: TaskInfo) -> str:
    return info.created_at.isoformat(sep=" ", timespec="milliseconds")


def _is_same(one: TaskInfo, other: TaskInfo) -> bool:
    return one.name == other.name and abs(one.created_at - other.created_at) <= _SAME_INSTANT


def _steps(source: TaskStore, infos: Sequence[TaskInfo], carry: Callable[[Note], Note]) -> Iterator[list[StoredTask]]:
    """Read logs and notes too, and cut the page where a single write would become too long."""
    step: list[StoredTask] = []
    characters = 0
    reader = notes_reader(source)
    for info in infos:
        lines = _log(source, info.id)
        notes = () if reader is None else tuple(map(carry, all_notes(reader, info.id)))
        step.append(StoredTask(info=info, log_lines=lines, notes=notes))
        characters += len(info.input_json) + len(info.output_json or "") + len(info.checkpoint_json or "")
        characters += sum(len(line.text) for line in lines) + sum(len(note.value_json) for note in notes)
        if characters > _STEP_CHARACTERS:
            yield step
            step, characters = [], 0
    if step:
        yield step


def _log(source: TaskStore, task_id: int) -> tuple[LogLine, ...]:
    lines: list[LogLine] = []
    while page := source.logs(task_id, len(lines), _LOG_PAGE):
        lines += page
    return tuple(lines)
