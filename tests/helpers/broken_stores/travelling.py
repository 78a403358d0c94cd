"""Faults in what a store keeps for others: owners, checkpoints, notes, and an input that is to be forgotten."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec.structs import replace

from broken_stores.wrapper import RemembersTokens, StoreWrapper
from lilota.contract import Fence, StoredTask, TaskCount, TaskQuery, TaskStore
from lilota.models import AttemptUpdate, Claim, NewTask, Note, TaskInfo, TaskState


class OwnersAreComparedInSmallLetters(StoreWrapper):
    """As databases do that compare without case."""

    def alter_new(self, task: NewTask) -> NewTask:
        return replace(task, owner=task.owner and task.owner.lower())


class OwnersAreNoCondition(StoreWrapper):
    """Shows everybody everything."""

    def find(self, query: TaskQuery) -> list[TaskInfo]:
        return super().find(replace(query, owner=None))


class CountsLookAtNoOwner(StoreWrapper):
    """Counts all tasks for everybody."""

    def counts(self, owner: str | None = None) -> list[TaskCount]:
        return super().counts()


class RestoreForgetsTheOwner(StoreWrapper):
    """Brings tasks of nobody."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, info=replace(task.info, owner=None))


class ClaimForgetsTheCheckpoint(StoreWrapper):
    """Lets each attempt begin from the beginning."""

    def alter_claim(self, claim: Claim) -> Claim:
        return replace(claim, checkpoint_json=None)


class RestoreForgetsTheCheckpoint(StoreWrapper):
    """Lets what moved begin from the beginning."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, info=replace(task.info, checkpoint_json=None))


class SuccessKeepsTheCheckpoint(StoreWrapper):
    """Shows a checkpoint of a task that needs none any more."""

    def __init__(self, store):
        super().__init__(store)
        self.seen: dict[int, str] = {}

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        self.seen |= {update.id: update.checkpoint_json for update in updates if update.checkpoint_json}
        return super().write(updates)

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        return replace(info, checkpoint_json=info.checkpoint_json or self.seen.get(task_id))


class ClaimKeepsTheProgressNote(StoreWrapper):
    """Says of a new attempt what the one before said of itself."""

    def __init__(self, store):
        super().__init__(store)
        self.seen: dict[int, str] = {}

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        self.seen |= {update.id: update.progress_note_json for update in updates if update.progress_note_json}
        return super().write(updates)

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        return replace(info, progress_note_json=info.progress_note_json or self.seen.get(task_id))


class NoFenceOnNotes(RemembersTokens):
    """Takes the notes of attempts that are void."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        late = [replace(each, token=self.newest.get(each.id, each.token)) for each in updates if each.notes]
        super().write([replace(each, outcome=None) for each in late])
        return super().write(updates)


class NotesNeverReplaceEachOther(StoreWrapper):
    """Keeps the first one of a kind and a name."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        return super().write([replace(each, notes=self._unknown(each)) for each in updates])

    def _unknown(self, update: AttemptUpdate) -> tuple[Note, ...]:
        known = {(note.kind, note.name) for note in self.notes(update.id)} if update.notes else set()
        return tuple(note for note in update.notes if (note.kind, note.name) not in known)


class NotesKnowNoLimit(StoreWrapper):
    """Gives all of them on one page."""

    def notes(self, task_id, kind=None, after=("", ""), limit=1000):
        return super().notes(task_id, kind, after, 1000)


class RestoreForgetsTheNotes(StoreWrapper):
    """Brings tasks without what was noted of them."""

    def alter_restored(self, task: StoredTask) -> StoredTask:
        return replace(task, notes=())


class RescueNotesNothing(StoreWrapper):
    """Says in the log alone that an attempt was lost."""

    def notes(self, task_id, kind=None, after=("", ""), limit=1000):
        return [note for note in super().notes(task_id, kind, after, limit) if note.kind != "attempt"]


class KnowsWhatItForgot(StoreWrapper):
    """Shows the input of before of some tasks, as if it had not been forgotten."""

    def __init__(self, store: TaskStore) -> None:
        super().__init__(store)
        self.inputs: dict[int, str] = {}
        self.shown: set[int] = set()

    def add(self, tasks: Sequence[NewTask], *, connection: object | None = None) -> list[int]:
        ids = super().add(tasks, connection=connection)
        self.inputs.update((task_id, task.input_json) for task_id, task in zip(ids, tasks, strict=True))
        return ids

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        given = self.inputs.get(task_id, info.input_json)
        return replace(info, input_json=given) if task_id in self.shown else info


class CommitForgetsNoInput(KnowsWhatItForgot):
    """Keeps what was to be forgotten at the end of an attempt."""

    def write(self, updates: Sequence[AttemptUpdate]) -> tuple[Fence, ...]:
        self.shown |= {update.id for update in updates if update.outcome is not None}
        return super().write(updates)


class CancelForgetsNoInput(KnowsWhatItForgot):
    """Keeps what was to be forgotten of a task that nobody has run."""

    def cancel(self, task_id: int) -> TaskState:
        state = super().cancel(task_id)
        if state is TaskState.CANCELLED:
            self.shown.add(task_id)
        return state


class ReleaseForgetsNoInput(KnowsWhatItForgot):
    """Keeps it of a task that was cancelled while its runner stopped."""

    def release(self, runner_id: str) -> int:
        self.shown |= self.inputs.keys()
        return super().release(runner_id)


class RescueForgetsNoInput(KnowsWhatItForgot):
    """Keeps it of a task that was lost with its runner."""

    def rescue(self, runner_ids: Collection[str] | None = None) -> list[int]:
        rescued = super().rescue(runner_ids)
        self.shown |= {*rescued}
        return rescued


class InputsAreAlwaysForgotten(StoreWrapper):
    """Forgets the input at every end of a task with headers, whatever they say."""

    def get(self, task_id: int) -> TaskInfo:
        info = super().get(task_id)
        forgets = info.state.is_terminal and info.headers_json is not None
        return replace(info, input_json="{}") if forgets else info
