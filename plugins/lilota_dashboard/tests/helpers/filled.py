"""A store in which much has happened: for pictures of the pages, and for tests that look at what is on them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec

from lilota.contract import StoredTask
from lilota.models import LogLine, TaskError, TaskInfo, TaskState

NAMES = ("generate_report", "process_images", "send_emails", "sync_inventory", "import_orders")
WORDS = {
    "generate_report": "Sales by product, {}",
    "process_images": "Thumbnails of album {}",
    "send_emails": "Newsletter {}",
    "sync_inventory": "Shop {}",
    "import_orders": "Orders of {} November",
}
ERRORS = {
    "send_emails": TaskError(
        type="SMTPServerDisconnected",
        message="Connection unexpectedly closed",
        traceback="Traceback (most recent call last):\n"
        '  File "/srv/shop/mails/send.py", line 61, in run\n'
        "    server.sendmail(sender, address, letter)\n"
        '  File "/usr/lib/python3.13/smtplib.py", line 867, in sendmail\n'
        "    raise SMTPServerDisconnected\n"
        "smtplib.SMTPServerDisconnected: Connection unexpectedly closed",
    ),
    "import_orders": TaskError(type="OrderError", message="line 1042: 'amount' is no number: '12,50 €'"),
    "sync_inventory": TaskError(type="TimeoutReached", message="It ran for longer than 10 min."),
}


def fill(store, number=400, seed=7, first_id=1):
    """Restore that many tasks that ended within the last day, the newest of them just now."""
    chance, now = random.Random(seed), datetime.now(UTC)
    tasks = (_ended(task_id, number + first_id - 1, chance, now) for task_id in range(first_id, number + first_id))
    while some := list(islice(tasks, 10_000)):
        store.restore(some)


def _ended(task_id, number, chance, now):
    name = chance.choice(NAMES)
    ago = timedelta(hours=26) * ((number - task_id) / number) ** 2.2
    took = timedelta(seconds=chance.lognormvariate(2.5, 1.1))
    state = TaskState.FAILED if name in ERRORS and chance.random() < 0.12 else TaskState.SUCCEEDED
    if chance.random() < 0.02:
        state = TaskState.CANCELLED
    ended = now - ago - timedelta(seconds=chance.random() * 20)
    info = TaskInfo(
        id=task_id,
        name=name,
        description=WORDS[name].format(chance.randint(1, 30)),
        state=state,
        queue="mail" if name == "send_emails" else "default",
        owner=f"user-{chance.randint(1, 20)}",
        input_json=msgspec.json.encode({"shop": chance.randint(1, 9), "api_key": "k-1"}).decode(),
        output_json='{"rows": 1200}' if state is TaskState.SUCCEEDED else None,
        created_at=ended - took - timedelta(seconds=30),
        run_at=ended - took - timedelta(seconds=30),
        started_at=ended - took,
        finished_at=ended,
        attempt=1,
        token=task_id,
        error=ERRORS.get(name) if state is TaskState.FAILED else None,
        reported_progress=100.0 if state is TaskState.SUCCEEDED else 40.0,
    )
    at = (ended - took).timestamp()
    lines = (
        LogLine(at=at, text="Connected to smtp.example.org"),
        LogLine(at=at + 1, text="Sent 120 letters"),
        LogLine(at=at + 2, text="The server answers slowly", level=30),
        LogLine(at=at + 3, text="Connection unexpectedly closed", level=40),
    )
    return StoredTask(info=info, log_lines=lines if name == "send_emails" else ())
