"""Follow who had his turn and what came of it, from one attempt to the next, also where the list changes in between."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from typing import Self

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import JSONObject
from lilota_example_tasks.send_emails.recipients import Recipient, as_recipient
from lilota_example_tasks.send_emails.record import Missed, Record


class Ledger:
    """Who had his turn, and what came of it, while the task runs.

    Attributes:
        goes_by_address: the list was changed where it had been worked off. Each record names all who got a mail then,
            which takes longer.
    """

    def __init__(self, recipients: Sequence[Recipient], batch: str) -> None:
        self.batch: str = batch
        self.sent_count: int = 0
        self.goes_by_address: bool = False
        self._recipients = recipients
        self._done = 0
        self._failed: dict[str, Missed] = {}
        self._deferred: dict[str, Missed] = {}
        self._digest = hashlib.sha256()

    @classmethod
    def of(cls, earlier: JSONObject | None, recipients: Sequence[Recipient]) -> Self:
        """Begin, or go on from the output of an earlier attempt.

        Raises:
            InvalidInputError: the list was changed, and nobody can tell any more who of it got a mail.
        """
        if earlier is None:
            return cls(recipients, secrets.token_hex(8))
        try:
            record = msgspec.convert(earlier, Record)
        except msgspec.ValidationError as error:
            raise InvalidInputError(f"The output of the earlier attempt is not of this task: {error}.") from error
        ledger = cls(recipients, record.batch)
        ledger._go_on_from(record)
        return ledger

    @property
    def total(self) -> int:
        """How many recipients there are, with those who had their turn and are on the list no more."""
        return len(self._recipients)

    @property
    def settled_count(self) -> int:
        """How many need nothing more."""
        return self.sent_count + len(self._failed)

    @property
    def missed(self) -> list[Missed]:
        """Who had his turn and got no mail so far: the deferred ones at the end."""
        return [*self._failed.values(), *self._deferred.values()]

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
        self.sent_count += 1

    def note_failed(self, recipient: Recipient, reason: str) -> None:
        """He gets none."""
        self._note_turn(recipient)
        self._failed[recipient.key] = Missed(recipient.written, reason)

    def note_deferred(self, recipient: Recipient, reason: str) -> None:
        """He gets none in this attempt."""
        self._note_turn(recipient)
        self._deferred[recipient.key] = Missed(recipient.written, reason)

    def give_up(self) -> None:
        """There is no further attempt for those who were deferred."""
        self._failed |= self._deferred
        self._deferred.clear()

    def to_output(self, *, is_end: bool) -> JSONObject:
        """Return the record; at the end of an attempt with the names of those who got a mail."""
        record = Record(
            batch=self.batch,
            total=self.total,
            done=self._done,
            sent_count=self.sent_count,
            failed=[*self._failed.values()],
            deferred=[*self._deferred.values()],
            digest=self._digest.hexdigest(),
            sent=self._sent() if is_end or self.goes_by_address else None,
        )
        output: JSONObject = msgspec.to_builtins(record)
        return output

    def _sent(self) -> list[str]:
        missed = self._failed.keys() | self._deferred.keys()
        return [each.written for each in self._recipients[: self._done] if each.key not in missed]

    def _go_on_from(self, record: Record) -> None:
        failed, deferred = _by_key(record.failed), _by_key(record.deferred)
        had_turn = self._recipients[: record.done]
        if _digest_of(had_turn) != record.digest:
            self.goes_by_address = True
            if record.sent is None:
                raise InvalidInputError(
                    f"The list of recipients was changed among the first {record.done:,}, who had their turn, and the "
                    "attempt before was killed: who of them got a mail can't be told. Put the list back as it was and "
                    "retry the task."
                )
            had_turn = self._put_first(record.sent, failed, deferred)
        for recipient in had_turn:
            self._note_turn(recipient)
        self.sent_count = record.sent_count
        self._failed = failed
        self._deferred = {each.key: deferred[each.key] for each in had_turn if each.key in deferred}

    def _put_first(
        self, sent: Sequence[str], failed: dict[str, Missed], deferred: dict[str, Missed]
    ) -> Sequence[Recipient]:
        """Put those who had their turn before the others, whatever the order of the list is now, and return them."""
        settled = [
            as_recipient({"address": address}) for address in (*sent, *(each.address for each in failed.values()))
        ]
        again = [each for each in self._recipients if each.key in deferred]
        known = {each.key for each in settled} | deferred.keys()
        self._recipients = [*settled, *again, *(each for each in self._recipients if each.key not in known)]
        return [*settled, *again]

    def _note_turn(self, recipient: Recipient) -> None:
        if self._deferred.pop(recipient.key, None) is None:
            self._done += 1
            self._digest.update(_digested(recipient))


def _by_key(missed: Sequence[Missed]) -> dict[str, Missed]:
    return {as_recipient({"address": each.address}).key: each for each in missed}


def _digest_of(recipients: Sequence[Recipient]) -> str:
    digest = hashlib.sha256()
    for recipient in recipients:
        digest.update(_digested(recipient))
    return digest.hexdigest()


def _digested(recipient: Recipient) -> bytes:
    return f"{recipient.key}\n".encode()
