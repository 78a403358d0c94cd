"""The task `send_emails`: one mail per recipient, from templates, through an SMTP server."""

from __future__ import annotations

import uuid
from email.headerregistry import Address
from typing import ClassVar

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota_example_tasks.inputs import parse_input
from lilota_example_tasks.mail_connection import MailConnection, RefusedError
from lilota_example_tasks.mail_input import Recipient, SendEmailsInput, check, read_recipients
from lilota_example_tasks.mail_messages import UnsendableError, make_message, parse_sender


class Failure(msgspec.Struct, frozen=True):
    """A recipient who gets no mail, and why."""

    address: str
    reason: str


class Record(msgspec.Struct, kw_only=True):
    """What was done so far: the output of the task.

    Attributes:
        batch: random; part of each Message-ID, so that a mail that is sent again is the same mail.
        total: how many recipients there are.
    """

    batch: str
    total: int
    sent: list[str] = []
    failed: list[Failure] = []

    @property
    def handled(self) -> int:
        return len(self.sent) + len(self.failed)


class SendEmails(TaskBase):
    """Send a mail to each recipient.

    Recipients are handled in order, and the output is set after each, so that the next attempt goes on where this one
    stopped. A mail is sent at least once: if the worker dies between sending one and saying so, it is sent again, with
    the same Message-ID.

    Input: see `SendEmailsInput` and `MailServer`.
    Output: `sent` (addresses), `failed` (a list of `address` and `reason`), `total`, `batch`.
    Errors: InvalidInputError for an input that can't work, a login or sender that is refused, a certificate that is
        not trusted: final. ConnectionError or TimeoutError when the server can't be reached: tried again, five times
        in about 20 minutes. A recipient who fails is no error, but reported in the output.
    """

    max_attempts: ClassVar[int] = 5
    backoff: ClassVar[Backoff] = Backoff(first_seconds=30, factor=3, max_seconds=900)
    never_retry_on: ClassVar[tuple[type[BaseException], ...]] = (InvalidInputError,)

    def run(self) -> None:
        job = parse_input(self.task_info, SendEmailsInput)
        check(job)
        sender = parse_sender(job.sender)
        recipients = read_recipients(job)
        record = self._record_of_earlier_attempt(len(recipients))
        self._save(record)
        with MailConnection(job.server) as connection:
            for recipient in recipients[record.handled :]:
                self._handle(recipient, job, sender, connection, record)
                self._save(record)
        self.logger.info("Sent %d mails, %d failed", len(record.sent), len(record.failed))

    def _record_of_earlier_attempt(self, total: int) -> Record:
        if not hasattr(self.task_info, "output"):
            return Record(batch=uuid.uuid4().hex, total=total)
        record = msgspec.convert(self.task_info.output, Record)
        if record.total != total:
            raise InvalidInputError(
                f"There are {total} recipients now and were {record.total} when the task began: who got a mail can't "
                "be told any more. Add a new task for the others; the output says who was sent one."
            )
        self.logger.info("Going on after %d of %d recipients", record.handled, total)
        return record

    def _handle(
        self, recipient: Recipient, job: SendEmailsInput, sender: Address, connection: MailConnection, record: Record
    ) -> None:
        """Send one mail and note in the record what became of it."""
        address = str(recipient.get("address", ""))
        message_id = f"<{record.batch}.{record.handled}@{sender.domain}>"
        try:
            connection.send(make_message(job, sender, recipient, message_id))
        except (UnsendableError, RefusedError) as error:
            self.logger.warning("No mail to %r: %s", address, error)
            record.failed.append(Failure(address, str(error)))
        else:
            self.logger.info("Sent a mail to %s", address)
            record.sent.append(address)

    def _save(self, record: Record) -> None:
        self.set_output(self.task_info.id, msgspec.to_builtins(record))
        self.set_progress(self.task_info.id, 100 * record.handled / max(record.total, 1))
