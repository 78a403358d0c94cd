"""What was done so far: the output of the task, and what the next attempt goes on from.

It is written after each mail, so it is small: the mails are counted. Those who had their turn are the first `done` of
the list; who of them got no mail stands in `failed` or `deferred`. The list of those who got one is written once, when
an attempt ends.
"""

from __future__ import annotations

import msgspec


class Missed(msgspec.Struct, frozen=True):
    """A recipient who got no mail, and why."""

    address: str
    reason: str


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The output of the task.

    Attributes:
        batch: random; part of each Message-ID, so that a mail that is sent again is the same mail.
        total: how many recipients there are, each mailbox counted once.
        done: how many of them, from the first of the list on, had their turn.
        sent_count: how many got a mail.
        failed: who gets none.
        deferred: who is tried again in the next attempt.
        digest: of the addresses of those who had their turn; a list that was changed there has another one.
        sent: the addresses of those who got a mail; absent while an attempt runs, and where one was killed.
    """

    batch: str
    total: int
    done: int
    sent_count: int
    failed: list[Missed]
    deferred: list[Missed]
    digest: str
    sent: list[str] | None = None
