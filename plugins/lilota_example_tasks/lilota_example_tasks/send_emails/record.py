"""What was done so far: the output of the task, and what the next attempt goes on from.

It is written after each mail, so it is small: who got a mail is counted, and not listed. Those who had their turn are
the first `done` of the list; who of them got no mail stands in `failed` or `deferred`.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import JSONObject
from lilota_example_tasks.send_emails.recipients import Recipient


class Missed(msgspec.Struct, frozen=True):
    """A recipient who got no mail, and why."""

    address: str
    reason: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The output of the task.

    Attributes:
        batch: random; part of each Message-ID, so that a mail that is sent again is the same mail.
        total: how many recipients there are, each mailbox counted once.
        done: how many of them, from the first of the list on, had their turn.
        sent: how many got a mail.
        failed: who gets none.
        deferred: who is tried again in the next attempt.
        digest: of the addresses of those who had their turn; a list that was changed there has another one.
    """

    batch: str
    total: int
    done: int
    sent: int
    failed: list[Missed]
    deferred: list[Missed]
    digest: str


class Ledger:
    """Who had his turn, and what came of it, while the task runs."""

    def __init__(self, recipients: Sequence[Recipient], batch: str) -> None:
        self.batch: str = batch
        self.total: int = len(recipients)
        self.sent: int = 0
        self._recipients = recipients
        self._done = 0
        self._failed: list[Missed] = []
        self._deferred: dict[str, Missed] = {}
        self._digest = hashlib.sha256()

    @classmethod
    def of(cls, earlier: JSONObject | None, recipients: Sequence[Recipient]) -> Self:
        """Begin, or go on from the output of an earlier attempt.

        The list may have grown since then, or shrunk, behind those who had their turn.

        Raises:
            InvalidInputError: it was changed before that.
        """
        if earlier is None:
            return cls(recipients, uuid.uuid4().hex)
        try:
            record = msgspec.convert(earlier, Record)
        except msgspec.ValidationError as error:
            raise InvalidInputError(f"The output of the earlier attempt is not of this task: {error}.") from error
        ledger = cls(recipients, record.batch)
        ledger._go_on_from(record)
        return ledger

    @property
    def done(self) -> int:
        """How many need nothing more."""
        return self.sent + len(self._failed)

    @property
    def missed(self) -> list[Missed]:
        """Who got no mail so far though it was his turn: the deferred ones at the end."""
        return [*self._failed, *self._deferred.values()]

    @property
    def deferred_count(self) -> int:
        """How many are to be tried again."""
        return len(self._deferred)

    def turns(self) -> Iterator[Recipient]:
        """Yield whose turn it is: those who had none yet, then those whom earlier attempts deferred."""
        again = tuple(self._deferred)
        yield from self._recipients[self._done :]
        by_key = {recipient.key: recipient for recipient in self._recipients} if again else {}
        for key in again:
            yield by_key[key]

    def note_sent(self, recipient: Recipient) -> None:
        """He got his mail."""
        self._note_turn(recipient)
        self.sent += 1

    def note_failed(self, recipient: Recipient, reason: str) -> None:
        """He gets none."""
        self._note_turn(recipient)
        self._failed.append(Missed(recipient.written, reason))

    def note_deferred(self, recipient: Recipient, reason: str) -> None:
        """He gets none in this attempt."""
        self._note_turn(recipient)
        self._deferred[recipient.key] = Missed(recipient.written, reason)

    def give_up(self) -> None:
        """There is no further attempt for those who were deferred."""
        self._failed += self._deferred.values()
        self._deferred.clear()

    def to_output(self) -> JSONObject:
        """Return the record."""
        record = Record(
            batch=self.batch,
            total=self.total,
            done=self._done,
            sent=self.sent,
            failed=self._failed,
            deferred=[Missed(key, missed.reason) for key, missed in self._deferred.items()],
            digest=self._digest.hexdigest(),
        )
        output: JSONObject = msgspec.to_builtins(record)
        return output

    def _go_on_from(self, record: Record) -> None:
        for recipient in self._recipients[: record.done]:
            self._note_turn(recipient)
        if self._digest.hexdigest() != record.digest:
            raise InvalidInputError(
                f"The list of recipients was changed among the first {record.done:,}, who had their turn: who of them "
                "got a mail can't be told any more. Put it back as it was and retry the task, or add a new one."
            )
        written = {recipient.key: recipient.written for recipient in self._recipients}
        self.sent = record.sent
        self._failed = record.failed
        self._deferred = {each.address: Missed(written[each.address], each.reason) for each in record.deferred}

    def _note_turn(self, recipient: Recipient) -> None:
        if self._deferred.pop(recipient.key, None) is None:
            self._done += 1
            self._digest.update(f"{recipient.key}\n".encode())
