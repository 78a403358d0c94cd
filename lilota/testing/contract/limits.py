"""The contract at its edges: all of Unicode, big values, many tasks."""

from __future__ import annotations

import json

import pytest

from lilota.contract import TaskQuery, TaskStore
from lilota.models import LogLine, NewTask, Outcome, TaskError, TaskState
from lilota.tasks.jsonvalues import INPUT_LIMIT_BYTES, OUTPUT_LIMIT_BYTES
from lilota.testing.contract.harness import (
    ContractFixtures,
    ContractRunner,
    add_many,
    add_one,
    add_running,
    counted,
    found_ids,
    update,
)

TEXTS = {
    "NUL": "a\x00b\x00",
    "controls": "\x01\x1b[2J\x7f\x85\u2028\u2029\r\n\t",
    "emoji": "👩‍👩‍👧‍👦 🇺🇳 🏴‍☠️",
    "beyond the basic plane": "\U0001d518\U0001d52b \U00020000 \U0010ffff",
    "right to left": "\u202e\u0627\u0628\u062c\u202c \u05e9\u05dc\u05d5\u05dd",
    "composed and not": "é e\u0301",
    "quotes": "'\"`;-- DROP TABLE tasks; %s {} $1 ? :x \\",
    "spaces": "  leading and trailing  ",
    "noncharacters": "\ufeff\ufffe\uffff",
}
texts: pytest.MarkDecorator = pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())


class LimitsContract(ContractFixtures):
    """What fits in."""

    @texts
    def test_every_text_field_of_a_task_keeps_any_unicode(
        self, store: TaskStore, runner: ContractRunner, text: str
    ) -> None:
        """Name, queue, description, input, output and error come back unchanged, and find the task."""
        body = json.dumps({"key " + text: text}, ensure_ascii=False)
        error = TaskError(type=text, message=text, traceback=text)
        (task_id,) = store.add([NewTask(name=text, queue=text, description=text, input_json=body)])
        (claim,) = runner.claim(names=(text,), queues=(text,))

        store.commit([update(claim, output_json=body, outcome=Outcome(state=TaskState.FAILED, error=error))])

        info = store.get(task_id)
        assert (info.name, info.queue, info.description, info.error) == (text, text, text, error)
        assert (info.input_json, info.output_json, claim.input_json) == (body, body, body)
        assert (claim.name, claim.queue, claim.description) == (text, text, text)
        assert found_ids(store, names=(text,), queues=(text,)) == [task_id]
        assert counted(store) == {(text, text, TaskState.FAILED): 1}

    @texts
    def test_log_lines_keep_any_unicode(self, store: TaskStore, runner: ContractRunner, text: str) -> None:
        """Text, logger and source come back unchanged."""
        claim = add_running(store, runner)
        line = LogLine(at=1.0, text=text, logger=text, source=text)

        store.commit([update(claim, log_lines=(line,))])

        assert store.logs(claim.id) == [line]

    def test_names_that_look_alike_are_different(self, store: TaskStore, runner: ContractRunner) -> None:
        """Case, trailing spaces, composition and NUL distinguish names: nothing is normalized or cut off."""
        names = ["Task", "task", "task ", "TASK", "e\u0301", "é", "a\x00b", "a\x00c", "a", "tas_", "t%"]
        ids = store.add([NewTask(name=name, queue=name) for name in names])

        for name, task_id in zip(names, ids, strict=True):
            assert found_ids(store, names=(name,)) == found_ids(store, queues=(name,)) == [task_id]
            assert [claim.id for claim in runner.claim(limit=99, names=(name,))] == [task_id]

    def test_the_longest_input_and_output_fit_in(self, store: TaskStore, runner: ContractRunner) -> None:
        """What the limits of lilota allow, every store keeps."""
        input_json = json.dumps({"x": "i" * (INPUT_LIMIT_BYTES - 9)})
        output_json = json.dumps({"x": "o" * (OUTPUT_LIMIT_BYTES - 9)})
        claim = add_running(store, runner, input_json=input_json)

        store.commit([update(claim, output_json=output_json, outcome=Outcome(state=TaskState.SUCCEEDED))])

        info = store.get(claim.id)
        # No bare comparison inside the assertion: a report of 48 MB helps nobody.
        same = (claim.input_json == input_json, info.input_json == input_json, info.output_json == output_json)
        assert same == (True, True, True)

    @pytest.mark.parametrize("priority", [-(2**31), 2**31 - 1])
    def test_priorities_of_32_bits_fit_in(self, store: TaskStore, runner: ContractRunner, priority: int) -> None:
        """The extremes are kept, and take their place in the order."""
        extreme, normal = add_one(store, priority=priority), add_one(store)

        order = [claim.id for claim in runner.claim(2)]

        assert order == ([extreme, normal] if priority > 0 else [normal, extreme])
        assert store.get(extreme).priority == priority

    def test_long_lists_of_conditions_are_taken(self, store: TaskStore, runner: ContractRunner) -> None:
        """Thousands of ids, and a thousand names and queues, in one question are no problem."""
        ids = add_many(store, 3)
        words = tuple(f"word {n}" for n in range(1000))

        found = found_ids(store, ids=tuple(range(10**6, 10**6 + 5000)) + tuple(ids))
        none = store.find(TaskQuery(names=words, queues=words))
        claims = runner.claim(limit=5, names=(*words, "task"), queues=(*words, "default"))

        assert (sorted(found), none) == (ids, [])
        assert [claim.id for claim in claims] == ids

    def test_ten_thousand_tasks_go_through(self, store: TaskStore, runner: ContractRunner) -> None:
        """Added in one call, claimed and committed in batches, counted and read page by page."""
        ids = add_many(store, 10_000)
        ended: list[int] = []
        claims = runner.claim(1000)
        while claims:
            assert len(ended) < len(ids), "tasks are granted again and again"
            ended.extend(claim.id for claim in claims)
            updates = [update(claim, outcome=Outcome(state=TaskState.SUCCEEDED)) for claim in claims]
            committed = store.commit(updates, runner.request(limit=1000))
            assert committed.claimed is not None
            claims = committed.claimed.claims
        pages: list[int] = []
        while page := found_ids(store, limit=3000, newest_first=False, after_id=pages[-1] if pages else None):
            assert len(pages) < len(ids), "the pages do not end"
            pages.extend(page)

        assert ended == ids
        assert pages == ids
        assert counted(store) == {("default", "task", TaskState.SUCCEEDED): 10_000}

    def test_ten_thousand_log_lines_of_one_task_are_kept(self, store: TaskStore, runner: ContractRunner) -> None:
        """Lines are appended in big batches, and read page by page."""
        claim = add_running(store, runner)
        lines = [LogLine(at=float(n), text=f"line {n}") for n in range(10_000)]
        for start in range(0, len(lines), 2500):
            store.commit([update(claim, log_lines=tuple(lines[start : start + 2500]))])

        read: list[LogLine] = []
        while page := store.logs(claim.id, after=len(read)):
            assert len(page) <= 1000
            assert len(read) < len(lines), "the pages do not end"
            read.extend(page)

        assert read == lines
