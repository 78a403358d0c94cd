"""The contract of notes: what attempts keep beside their task, for stores that keep them (`CanReadNotes`)."""

from __future__ import annotations

from typing import cast

import pytest

from lilota.contract import AttemptRecord, CanReadNotes, StoredTask, TaskStore
from lilota.contract.history import ATTEMPT, ATTEMPTS_KEPT, attempt_note, told_attempt
from lilota.contract.noted import attempts_on_record
from lilota.errors import TaskNotFoundError
from lilota.models import Note, Outcome, TaskState
from lilota.testing.contract.harness import (
    WAYS_BACK,
    ContractFixtures,
    ContractRunner,
    WayBack,
    add_one,
    add_running,
    check_support,
    new_task,
    prune_all,
    update,
)

VALUE = '{"size": 17, "of":[1,2.50,null,"é\u2028 \\u0000"]}'


def a_note(name: str, kind: str = "file", value: str = VALUE, attempt: int = 1) -> Note:
    """Return a note."""
    return Note(kind=kind, name=name, value_json=value, attempt=attempt)


class NotesContract(ContractFixtures):
    """What whoever notes something, and whoever reads it, can rely on."""

    @pytest.fixture
    def noting(self, store: TaskStore) -> TaskStore:
        """The store, if it keeps notes."""
        check_support(store, "notes")
        assert isinstance(store, CanReadNotes)
        return store

    def test_notes_are_kept_to_the_letter(self, noting: TaskStore, runner: ContractRunner) -> None:
        """All fields, of each update."""
        claim = add_running(noting, runner)
        notes = [a_note("Größe & 'mehr' 用.pdf"), a_note("b", attempt=7), a_note("b", kind="step", value="{}")]

        noting.commit([update(claim, notes=tuple(notes[:1])), update(claim, notes=tuple(notes[1:]))])

        assert read(noting, claim.id) == sorted(notes, key=lambda note: (note.kind, note.name))

    def test_a_note_takes_the_place_of_the_one_of_its_kind_and_name(
        self, noting: TaskStore, runner: ContractRunner
    ) -> None:
        """Within an update, within a commit, and later; names that differ by case or a space are others."""
        claim = add_running(noting, runner)
        noting.commit([update(claim, notes=(a_note("a", value='{"n":0}'), a_note("a", value='{"n":1}')))])
        noting.commit([update(claim, notes=(a_note("a", value=f'{{"n":{n}}}'),)) for n in (2, 3)])
        noting.commit([update(claim, notes=(a_note("A"), a_note("a ")))])

        assert [(note.name, note.value_json) for note in read(noting, claim.id)] == [
            ("A", VALUE),
            ("a", '{"n":3}'),
            ("a ", VALUE),
        ]

    def test_notes_are_read_page_by_page(self, noting: TaskStore, runner: ContractRunner) -> None:
        """By rising kind and name, compared character by character, of one kind or of all."""
        claim = add_running(noting, runner)
        names = ["Z", "a", "a1", "a10", "a2", "z", "ä", "用", "\U0001f600"]
        noting.commit([update(claim, notes=tuple(a_note(name, kind) for kind in ("step", "file") for name in names))])

        pages = []
        after = ("", "")
        while page := reader(noting).notes(claim.id, "step", after, 4):
            pages += page
            after = (page[-1].kind, page[-1].name)

        assert [note.name for note in pages] == names
        assert [(note.kind, note.name) for note in read(noting, claim.id)] == [
            (kind, name) for kind in ("file", "step") for name in names
        ]
        assert reader(noting).notes(claim.id, "other") == []
        assert [note.name for note in reader(noting).notes(claim.id, None, ("file", "用"), 2)] == ["\U0001f600", "Z"]

    def test_notes_belong_to_their_task(self, noting: TaskStore, runner: ContractRunner) -> None:
        """One that has none has none; and one that is not there can't be asked."""
        claim, other = add_running(noting, runner), add_running(noting, runner)
        noting.commit([update(claim, notes=(a_note("a"),)), update(other, notes=(a_note("b"),))])
        bare = add_one(noting)

        assert [note.name for note in read(noting, claim.id)] == ["a"]
        assert read(noting, bare) == []
        with pytest.raises(TaskNotFoundError):
            read(noting, bare + 1000)

    @pytest.mark.parametrize("way_back", WAYS_BACK.values(), ids=WAYS_BACK.keys())
    def test_notes_stay_and_late_ones_are_refused(
        self, noting: TaskStore, runner: ContractRunner, other_runner: ContractRunner, way_back: WayBack
    ) -> None:
        """However the task came back."""
        claim = add_running(noting, runner)
        noting.commit([update(claim, notes=(a_note("a"),))])
        way_back(noting, runner, claim)
        other_runner.claim_one()

        committed = noting.commit([update(claim, notes=(a_note("a", value="{}"), a_note("late")))])

        assert committed.refused == (claim.fence,)
        assert reader(noting).notes(claim.id, "file") == [a_note("a")]

    def test_of_many_attempts_the_newest_stay_on_record(self, noting: TaskStore, runner: ContractRunner) -> None:
        """Each has a place in the ring by its token: none takes that of another before all places are taken."""
        add_one(noting)
        tokens = []
        for _ in range(ATTEMPTS_KEPT + 7):
            claim = runner.claim_one()
            record = AttemptRecord(token=claim.token, attempt=claim.attempt, outcome="failed")
            again = Outcome(state=TaskState.PENDING)
            noting.commit([update(claim, notes=(attempt_note(record),), outcome=again)])
            tokens.append(claim.token)

        found = attempts_on_record(reader(noting), claim.id)
        assert sorted(record.token for record in found) == tokens[-ATTEMPTS_KEPT:]

    def test_notes_behind_the_outcome_are_refused(self, noting: TaskStore, runner: ContractRunner) -> None:
        """Those that come with it are there when the end is."""
        claim = add_running(noting, runner)
        succeeded = Outcome(state=TaskState.SUCCEEDED)
        updates = [update(claim, notes=(a_note("a"),), outcome=succeeded), update(claim, notes=(a_note("late"),))]

        committed = noting.commit(updates)

        assert committed.refused == (claim.fence,)
        assert [note.name for note in read(noting, claim.id)] == ["a"]

    def test_notes_are_pruned_with_their_task(self, noting: TaskStore, runner: ContractRunner) -> None:
        """Nothing of them comes back with the task."""
        claim = add_running(noting, runner)
        noting.commit([update(claim, notes=(a_note("a"),), outcome=Outcome(state=TaskState.SUCCEEDED))])
        stored = StoredTask(info=noting.get(claim.id))
        prune_all(noting)

        noting.restore([stored])

        assert read(noting, claim.id) == []

    def test_notes_are_restored(self, noting: TaskStore, runner: ContractRunner) -> None:
        """Of a task that exists, they stay as they are."""
        claim = add_running(noting, runner)
        notes = (a_note("a"), a_note("b", kind="step"))
        noting.commit([update(claim, notes=notes, outcome=Outcome(state=TaskState.SUCCEEDED))])
        stored = StoredTask(info=noting.get(claim.id), notes=tuple(read(noting, claim.id)))
        prune_all(noting)

        noting.restore([stored])
        noting.restore([StoredTask(info=stored.info, notes=(a_note("a", value="{}"), a_note("c")))])

        assert read(noting, claim.id) == list(notes)

    def test_a_thousand_notes_of_many_tasks_are_kept(self, noting: TaskStore, runner: ContractRunner) -> None:
        """In one commit."""
        ids = noting.add([NOTED] * 20)
        claims = runner.claim(20)

        noting.commit([update(claim, notes=tuple(a_note(f"{n:03}") for n in range(50))) for claim in claims])

        assert [len(read(noting, task_id)) for task_id in ids] == [50] * 20

    def test_rescue_notes_which_attempt_was_lost(self, noting: TaskStore, runner: ContractRunner) -> None:
        """Its runner can't."""
        claim = add_running(noting, runner)
        noting.commit([update(claim, pid=4711, started_at=1.0, progress=12.5)])
        runner.expire()

        noting.rescue()

        (note,) = reader(noting).notes(claim.id, ATTEMPT)
        record = told_attempt(note)
        info = noting.get(claim.id)
        assert (record.token, record.attempt, record.outcome) == (claim.token, 1, "lost")
        assert (record.runner_id, record.host, record.pid, record.progress) == (runner.id, "contract", 4711, 12.5)
        assert record.error is not None
        assert record.error.type == "RunnerDied"
        assert runner.id in record.error.message
        assert record.started_at is not None
        assert abs(record.started_at - info.created_at.timestamp()) < 0.001
        assert record.ended_at is not None
        assert record.started_at <= record.ended_at


NOTED = new_task()


def reader(store: TaskStore) -> CanReadNotes:
    """Return the store as what reads notes."""
    return cast("CanReadNotes", store)


def read(store: TaskStore, task_id: int) -> list[Note]:
    """Return all notes of a task."""
    return reader(store).notes(task_id)
