"""What a worker may tell, and what becomes of one that tells more: it is ended, and nobody else has to be."""

from __future__ import annotations

import signal
from math import inf

import msgspec
import pytest
from engine_bench import SUCCESS, Bench, a_claim, claims

from lilota.engine.commands import Kill, Send
from lilota.engine.crew import LEAVE_SECONDS
from lilota.engine.messages import Lacking, Loaded, Ready, Recall, Remarks, Report, RunClaims, Unfit
from lilota.engine.workload import SLOW_SECONDS
from lilota.models import AttemptUpdate, LogLine, Note, Outcome, TaskError, TaskState
from lilota.tasks.jsonvalues import OUTPUT_LIMIT_BYTES
from lilota.tasks.limits import (
    CHARACTERS_LIMIT,
    LINE_LENGTH_LIMIT,
    LINES_LIMIT,
    MESSAGE_LIMIT,
    NAME_LIMIT,
    TRACEBACK_LIMIT,
)
from lilota.tasks.options import TaskOptions
from lilota.workers.current import RunningAttempt

LINE = LogLine(at=1.0, text="line")


def news(**fields):
    return Report(updates=(AttemptUpdate(id=1, token=1, **fields),))


def end(**fields):
    return news(outcome=Outcome(**{"state": TaskState.FAILED, **fields}))


def lines(count, **fields):
    return news(log_lines=(msgspec.structs.replace(LINE, **fields),) * count)


MISDEEDS = {
    "ready twice": Ready(7),
    "leaves with an attempt that runs": None,
    "an attempt of another worker": Report(updates=(AttemptUpdate(id=2, token=1, progress=1.0),)),
    "an attempt with another token": Report(updates=(AttemptUpdate(id=1, token=2, outcome=SUCCESS),)),
    "something after the end": Report(updates=(AttemptUpdate(id=1, token=1, outcome=SUCCESS),) * 2),
    "returns what another one has": Report(returned=((2, 1),)),
    "returns what runs": Report(returned=((1, 1),)),
    "asks about what another one has": Report(question=(2, 1, 1)),
    "measures what nobody runs": Report(durations={"else": (1, 1.0)}),
    "a class that it was not asked for": Loaded("else", TaskOptions()),
    "a class twice": Loaded("task", TaskOptions(timeout_seconds=0.001)),
    "a lack of a class that it was not asked for": Lacking("else", ""),
    "a lack of a class that it has imported": Lacking("task", ""),
    "unfit after it was ready": Unfit(7, ""),
    "too many remarks": Remarks(7, (LINE,) * (LINES_LIMIT + 11)),
    "a long remark": Remarks(7, (msgspec.structs.replace(LINE, text="x" * (LINE_LENGTH_LIMIT + 101)),)),
    "too much at once": Report(updates=(AttemptUpdate(id=1, token=1, progress=1.0),) * 10_001),
    "a place in the log": news(log_lines=(LINE,), log_offset=7),
    "a limit of lost attempts": news(max_lost_attempts=0),
    "lost by itself": end(lost=True),
    "an end for nothing": end(spends_attempt=False),
    "a long class of an error": end(error=TaskError(type="x" * (NAME_LIMIT + 1), message="")),
    "a long message": end(error=TaskError(type="x", message="x" * (MESSAGE_LIMIT + 1))),
    "a long traceback": end(error=TaskError(type="x", message="", traceback="x" * (TRACEBACK_LIMIT + 1))),
    "an output that is no JSON": news(output_json='{"a":'),
    "an output that is no object": news(output_json="[1]"),
    "an output with half a surrogate pair": news(output_json='{"a": "\\ud800"}'),
    "a deep output": news(output_json='{"a":' + "[" * 1_000_000 + "]" * 1_000_000 + "}"),
    "a number that Python can't read": news(output_json='{"a":' + "9" * 5_000 + "}"),
    "a long output": news(output_json='{"a":"' + "x" * OUTPUT_LIMIT_BYTES + '"}'),
    "a checkpoint that is no object": news(checkpoint_json="[1]"),
    "a long checkpoint": news(checkpoint_json='{"a":"' + "x" * OUTPUT_LIMIT_BYTES + '"}'),
    "a progress that is no object": news(progress_note_json='"half"'),
    "a long progress": news(progress_note_json='{"message":"' + "x" * 70_000 + '"}'),
    "a note of another kind": news(notes=(Note(kind="attempt", name="01", value_json="{}"),)),
    "a note of another attempt": news(notes=(Note(kind="file", name="a", value_json="{}", attempt=2),)),
    "a note that is no object": news(notes=(Note(kind="file", name="a", value_json="1"),)),
    "a long note": news(notes=(Note(kind="file", name="a", value_json='{"a":"' + "x" * 70_000 + '"}'),)),
    "too many notes": news(notes=tuple(Note(kind="file", name=f"{n}", value_json="{}") for n in range(1101))),
    "too many lines": lines(LINES_LIMIT + 11),
    "too many characters": lines(CHARACTERS_LIMIT // LINE_LENGTH_LIMIT + 12, text="x" * LINE_LENGTH_LIMIT),
    "a long line": lines(1, text="x" * (LINE_LENGTH_LIMIT + 101)),
    "a long logger": lines(1, logger="x" * (NAME_LIMIT + 1)),
    "an unknown source": lines(1, source="elsewhere"),
    "a line of another attempt": lines(1, attempt=2),
}


@pytest.fixture
def bench():
    """Two workers with a running attempt each."""
    one, two = claims(2)
    bench = Bench(workers=2).ready()
    bench.grant(one, two).loads(1).loads(2).starts(one, worker=1).starts(two, worker=2)
    bench.commands()
    bench.outcomes()
    return bench


@pytest.mark.parametrize("misdeed", MISDEEDS.values(), ids=MISDEEDS.keys())
def test_a_worker_that_tells_what_no_worker_tells_is_ended_alone(bench, misdeed, caplog):
    """Its attempt is lost and the log says why; its neighbour goes on and ends."""
    if misdeed is None:
        bench.leaves(1)
    else:
        bench.engine.hear(1, misdeed, bench.now)
    kills = bench.kills()
    first_end = bench.outcomes().get(1)
    bench.dies(1).tick(0)
    bench.ends(a_claim(2), worker=2)
    outcomes = bench.outcomes()

    assert kills == [(1, signal.SIGKILL)]
    assert outcomes[2] == SUCCESS
    lost = first_end or outcomes[1]
    assert lost == SUCCESS or (lost.lost and "The worker process was stopped, because it " in lost.error.message)
    assert "Worker 1 is ended and replaced, because it " in caplog.text
    assert bench.engine.crew.next_start_at() == inf  # another one is being started already


def test_a_worker_that_was_ended_is_not_listened_to(bench):
    """Neither an end of its own nor anything else counts any more."""
    bench.engine.hear(1, Ready(1), bench.now)
    bench.ends(a_claim(1), worker=1)

    assert bench.outcomes() == {}


def test_what_waits_in_a_worker_that_is_ended_runs_elsewhere():
    """Only the attempt that ran is lost."""
    one, two = claims(2)
    bench = Bench().ready().learn(seconds=0.001).grant(one, two).starts(one)
    bench.engine.hear(1, Ready(1), bench.now)
    bench.dies().tick(0).ready(2).tick(0)

    assert list(bench.outcomes()) == [1]
    assert bench.to_worker(2) == [RunClaims((two,))]


def test_an_error_of_the_engine_itself_ends_the_worker_that_caused_it(bench, monkeypatch, caplog):
    """Whatever a message does that nobody expected: nothing that the worker held gets lost, and nobody else notices."""

    def lose_it(worker, report, now):
        worker.take((1, 1))
        raise KeyError("nobody expected this")

    monkeypatch.setattr(bench.engine.holdings, "note_report", lose_it)
    bench.engine.hear(1, news(progress=1.0), bench.now)
    monkeypatch.undo()

    assert bench.kills() == [(1, signal.SIGKILL)]
    assert bench.outcomes()[1].lost
    bench.ends(a_claim(2), worker=2)
    assert bench.outcomes() == {2: SUCCESS}
    assert "nobody expected this" in caplog.text


def test_nothing_is_taken_from_a_worker_that_is_not_ready():
    """It has imported nothing yet, so somebody else speaks in its name; the next start waits a moment."""
    bench = Bench()
    bench.report(durations={"task": (1, 1.0)})
    bench.dies().tick(0)

    assert bench.engine.crew.failed_starts == 1


def test_a_worker_that_is_at_fault_before_it_has_worked_counts_as_one_that_could_not_start():
    """Something in it is wrong, and would be in the next one: they are not started without a pause."""
    bench = Bench().ready()
    bench.engine.hear(1, Ready(1), bench.now)
    bench.dies()

    assert bench.engine.crew.failed_starts == 1


def test_a_worker_may_remark_as_much_again_when_an_attempt_has_ended(bench):
    """The limit is for what one pause between two attempts may say."""
    much = Remarks(7, (LINE,) * LINES_LIMIT)
    taken = [bench.engine.hear(1, much, bench.now)]
    bench.ends(a_claim(1))

    taken.append(bench.engine.hear(1, much, bench.now))

    assert taken == [True, True]
    assert bench.kills() == []


def test_a_worker_speaks_of_classes_for_itself(bench):
    """Options that a task has forged end no task of the same class in another worker."""
    bench.starts(a_claim(1))
    bench.engine.hear(2, Loaded("task", TaskOptions(timeout_seconds=0.001)), bench.now)  # its second: it is ended
    bench.commands()

    bench.tick(60)

    assert bench.commands() == []


def test_a_worker_that_was_killed_may_not_know_yet_what_was_taken_from_it(bench, caplog):
    """Last words that were on the way are no misconduct."""
    bench.engine.lose_lease(bench.now)
    bench.starts(a_claim(1))
    bench.ends(a_claim(1))
    bench.loads(1)
    bench.report(returned=((1, 1),))

    assert "is ended" not in caplog.text
    assert {task_id: outcome.lost for task_id, outcome in bench.outcomes().items()} == {1: True, 2: True}


def test_a_worker_that_says_that_it_leaves_and_stays_is_killed():
    """It has a moment; what was on the way to it runs elsewhere, as if it had left."""
    ended, waiting = claims(2)
    bench = Bench().ready().grant(ended).starts(ended).ends(ended).grant(waiting).leaves()
    bench.commands()
    bench.tick(LEAVE_SECONDS / 2)
    before = bench.kills()
    bench.tick(LEAVE_SECONDS)

    assert before == []
    assert bench.kills() == [(1, signal.SIGKILL)]
    bench.dies()
    assert bench.outcomes() == {1: SUCCESS}


def test_what_a_worker_does_not_start_is_fetched_and_one_that_never_starts_anything_is_ended():
    """It runs something of which nobody knows: an attempt whose end a task has forged, and that goes on."""
    claim = a_claim()
    bench = Bench().ready().learn(seconds=0.001).grant(claim)
    bench.commands()
    found = []
    for _ in range(3):
        bench.tick(SLOW_SECONDS * 2)
        found += bench.commands()
        bench.report(returned=((1, 1),))
        bench.tick(0)
        found += bench.commands()

    assert found == [
        Send(1, Recall()),
        Send(1, RunClaims((claim,))),
        Send(1, Recall()),
        Send(1, RunClaims((claim,))),
        Send(1, Recall()),
        Kill(1, signal.SIGKILL),
    ]


def test_an_honest_worker_stays_within_the_limits_whatever_its_task_says():
    """What is cut in the worker is let through by the runner: lines at their longest, many, and one about the rest."""
    bench = Bench().ready().grant(a_claim())
    attempt = RunningAttempt(a_claim(), _Silence(), _Open(), lambda: None)
    for text in ("\0" * 1_000_000, "\ud800" * 9000, "x" * 1_000_000, "\U0001f600" * 9000):
        for _ in range(40):
            attempt.add_line(LogLine(at=1.0, text=text, logger="\0" * 10_000))
    for _ in range(LINES_LIMIT + 10):
        attempt.add_line(LINE)

    bench.report(attempt.end(SUCCESS))

    assert bench.outcomes() == {1: SUCCESS}
    assert bench.kills() == []


class _Silence:
    def take_loss(self):
        return None

    def take(self, *, final):
        return []


class _Open:
    pid = 4711
    is_fork = False
