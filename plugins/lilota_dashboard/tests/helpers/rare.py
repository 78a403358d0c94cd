"""States of a store that are rarely looked at: much too much of everything, and much too long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from lilota.contract import ClaimRequest, RunnerInfo, StoredTask
from lilota.contract.history import AttemptRecord
from lilota.files.reading import note_of
from lilota.models import AttachedFile, AttemptUpdate, LogLine, Note, TaskError, TaskInfo, TaskState

#: The ids of the tasks that `fill_with_rare` writes.
LONG, MANY, ALMOST, HELD = 1, 2, 3, 4

_WORD = "incomprehensibilities_"
_NOW = datetime.now(UTC)
_ERROR = TaskError(
    type="shop.warehouse.connectors.inventory.TemporaryInventoryUnavailableError",
    message="The answer of the warehouse can't be read: " + _WORD * 40,
    traceback="Traceback (most recent call last):\n"
    + "".join(f'  File "/srv/shop/{_WORD * 6}/part_{number}.py", line {number}, in run\n' for number in range(200)),
)


def fill_with_rare(store):
    """Restore tasks with long texts, with a hundred attempts, with fifty files, in sixty queues; and a lost runner."""
    almost = _task(ALMOST, "generate_report", TaskState.PENDING, description="Sales of a year")
    store.restore([_long(), _many(), StoredTask(info=almost), _held(), *_in_queues()])
    _let_one_almost_end(store)
    lost = {"names": ["*"], "queues": None, "places": 8}
    store.heartbeat(
        RunnerInfo(id="f" * 32, lease_seconds=0, host=f"{_WORD * 3}.example.org", pid=71, about_json=_json(lost))
    )


def _long():
    """A task of which every text is long."""
    lines = tuple(LogLine(at=_NOW.timestamp(), text=f"{_WORD * 20}{number}", level=40) for number in range(4))
    info = _task(
        LONG,
        f"shop.{_WORD * 5}",
        TaskState.FAILED,
        description=f"{_WORD * 30} and then {'what everybody knows, again, ' * 20}",
        owner=_WORD * 5,
        queue=_WORD * 4,
        error=_ERROR,
        input_json=_json({_WORD: _WORD * 100, "list": list(range(300))}),
        headers_json=_json({"trace": "0" * 400}),
    )
    return StoredTask(info=info, log_lines=lines)


def _many():
    """A task that failed in its hundredth attempt, and has made fifty files."""
    at = (_NOW - timedelta(hours=2)).timestamp()
    outcomes = ("lost", "retry", "returned", "failed")
    attempts = [
        AttemptRecord(
            token=number,
            attempt=number,
            outcome=outcomes[number % 4],
            host=f"node-{number % 7}",
            pid=1000 + number,
            started_at=at + number * 60,
            ended_at=at + number * 60 + 10 + number % 40,
            error=_ERROR if number % 4 != 2 else None,
            peak_memory_mb=100.0 * (number % 9 + 1),
            cpu_seconds=number / 3,
        )
        for number in range(1, 101)
    ]
    notes = [
        Note(kind="attempt", name=f"{each.token:020}", value_json=_json(each), attempt=each.attempt)
        for each in attempts[:-1]
    ]
    files = [_file(number) for number in range(50)]
    info = _task(MANY, "sync_inventory", TaskState.FAILED, description="Shop 7", attempt=100, token=100, error=_ERROR)
    return StoredTask(info=info, notes=(*notes, *map(note_of, files)))


def _file(number):
    name = f"{_WORD * 5}{number}.pdf" if number % 10 == 0 else f"page-{number}.pdf"
    return AttachedFile(
        name=name, size=1234 * number, media_type="application/pdf", sha256="0" * 64, place=f"2/{number}", attempt=1
    )


def _let_one_almost_end(store):
    """Let a task say that it is ready, and go on nevertheless; then ask it to end."""
    busy = {"names": ["generate_report"], "queues": ["default"], "places": 2}
    store.heartbeat(RunnerInfo(id="b" * 32, lease_seconds=3600, host="web-1", pid=70, about_json=_json(busy)))
    claim = store.claim(ClaimRequest(runner_id="b" * 32, names=("generate_report",))).claims[0]
    note = _json({"message": "Writing the last page", "step": 12, "of": 12})
    update = AttemptUpdate(
        id=ALMOST, token=claim.token, pid=72, started_at=1.0, progress=100.0, progress_note_json=note
    )
    store.commit([update])
    store.cancel(ALMOST)


def _held():
    """A task that nobody takes."""
    return StoredTask(info=_task(HELD, "send_emails", TaskState.PENDING, queue="mail", priority=-5))


def _in_queues():
    """Tasks in many queues, of as many names."""
    for number in range(60):
        info = _task(10 + number, f"send_report_{number}", TaskState.SUCCEEDED, queue=f"queue-of-customer-{number}")
        yield StoredTask(info=info)


def _task(task_id, name, state, **fields):
    has_begun = state is not TaskState.PENDING
    usual = {
        "created_at": _NOW - timedelta(hours=2),
        "run_at": _NOW - timedelta(hours=2),
        "started_at": _NOW - timedelta(minutes=3) if has_begun else None,
        "finished_at": _NOW - timedelta(minutes=2) if state.is_terminal else None,
        "attempt": int(has_begun),
        "token": int(has_begun),
    }
    return TaskInfo(id=task_id, name=name, state=state, **{**usual, **fields})


def _json(value):
    return msgspec.json.encode(value).decode()
