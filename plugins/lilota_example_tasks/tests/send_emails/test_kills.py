"""send_emails in a real runner whose workers are killed while mails go out.

`LILOTA_MAILS=5000` sends more of them than usual.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter

import pytest
from lilota_example_tasks.demo.mail_server import HOST, running_mail_server

from lilota.config import Settings
from lilota.models import TaskState
from lilota.runner import TaskRunner

MAILS = int(os.environ.get("LILOTA_MAILS", "300"))
KILLS = 3


@pytest.mark.slow
@pytest.mark.timeout(120 + MAILS)
def test_a_kill_doubles_one_mail_at_most_and_loses_none(mailbox, tmp_path):
    """Each recipient is served; a mail that is sent again has the same Message-ID."""
    recipients = [f"u{number}@example.org" for number in range(MAILS)]
    with (
        running_mail_server(mailbox) as port,
        TaskRunner(f"sqlite:///{tmp_path}/tasks.db", 1, settings=Settings()) as runner,
    ):
        data = {
            "server": {"host": HOST, "port": port, "security": "none"},
            "sender": "ada@example.org",
            "subject": "Hello",
            "body": "Hello",
            "recipients": [{"address": address} for address in recipients],
        }
        handle = runner.add("send_emails", input=data, max_lost_attempts=KILLS + 1)
        for number in range(1, KILLS + 1):
            pid = pid_of(handle, number)
            with mailbox.got_mail:
                assert mailbox.got_mail.wait_for(
                    lambda goal=MAILS * number // (KILLS + 1): len(mailbox.mails) > goal, 120
                )
                os.kill(pid, signal.SIGKILL)  # no mail is taken meanwhile, however slow the machine is
        output = handle.result(60 + MAILS)
        info = handle.info()

    sent = Counter(mailbox.recipients)
    assert (info.state, info.lost_attempts) == (TaskState.SUCCEEDED, KILLS)
    assert sorted(sent) == sorted(recipients)
    assert sent.total() - MAILS <= KILLS
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == MAILS
    assert (output["sent"], output["failed"], output["deferred"]) == (recipients, [], [])


def pid_of(handle, attempt):
    """Wait for an attempt, and return its process."""
    deadline = time.monotonic() + 60
    while (info := handle.info()).attempt != attempt or not info.pid:
        assert time.monotonic() < deadline, info
        time.sleep(0.01)
    return info.pid
