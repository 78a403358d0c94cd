"""Send the mails one after the other, and never lose or repeat more than can be helped."""

from __future__ import annotations

import time
from typing import Annotated, ClassVar, Final

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import TaskBase
from lilota.retry import Backoff
from lilota_example_tasks.send_emails.accounts import OpenServer, chosen_server
from lilota_example_tasks.send_emails.answers import (
    LaterError,
    NoAnswerError,
    NobodyServedError,
    NoMailError,
    RecipientsDeferredError,
)
from lilota_example_tasks.send_emails.connection import MailConnection
from lilota_example_tasks.send_emails.ledger import Ledger
from lilota_example_tasks.send_emails.letters import Letters
from lilota_example_tasks.send_emails.mail import Mail, check_mail
from lilota_example_tasks.send_emails.pace import Pace
from lilota_example_tasks.send_emails.recipients import Fields, Recipient, read_recipients

#: At so many recipients in a row no answer comes because of them.
TROUBLE_LIMIT: Final = 5
#: What can be done again without harm is written so often.
_SAVE_SECONDS: Final = 1.0


class SendEmails(TaskBase):
    """Send a mail to each recipient.

    A mail is sent at least once. The output is in the store before the content of the next mail goes out, so whatever
    kills the worker, at most one mail is sent again, with the same Message-ID.

    Who is refused for now, or at whom the server does not answer, is deferred: the others get their mail, and the next
    attempt tries him again, as RFC 5321 (4.5.4.1) asks for. After the last attempt he has failed.

    Input: the parameters of `run`; the accounts of the operator are `MailServer`s.
    Output: see `Record`.
    Errors: InvalidInputError for an input that can't work, a login or sender that is refused, a certificate that is
        not trusted: final. ConnectionError when the server can't be reached, or takes nothing now, and
        RecipientsDeferredError when it takes nothing for some: tried again, eight times in about six hours.
        NobodyServedError if no recipient got a mail: final. A task that served some of them has succeeded; the output
        says who is missing.
    """

    max_attempts: ClassVar[int] = 8
    backoff: ClassVar[Backoff] = Backoff(first_seconds=60, factor=3, max_seconds=7200)
    never_retry_on: ClassVar[tuple[type[BaseException], ...]] = (InvalidInputError, NobodyServedError)
    max_lost_attempts: ClassVar[int] = 10

    def run(
        self,
        *,
        account: str | None = None,
        server: OpenServer | None = None,
        sender: str,
        reply_to: str | None = None,
        subject: str,
        body: str,
        html: str | None = None,
        attachments: tuple[str, ...] = (),
        recipients: list[Fields] | None = None,
        recipients_csv: str | None = None,
        mails_per_minute: Annotated[float, msgspec.Meta(gt=0)] | None = None,
    ) -> None:
        """Send the mails.

        Args:
            account: the name of a server that the operator has set aside, with its login.
            server: instead, a server without a login.
            sender: "name@example.org" or "Name <name@example.org>".
            reply_to: the same, for whom answers are.
            subject: a template: `$field` stands for a field of the recipient, `$$` for a dollar.
            body: a template, plain text.
            html: a template, the same as HTML; what fields hold is text in it, whatever they hold.
            attachments: files in the folder that the operator has set aside for that.
            recipients: objects with an `address` and the fields that the templates use.
            recipients_csv: instead, a CSV file in UTF-8 whose columns are those fields.
            mails_per_minute: no more than that, one after the other at even distances.
        """
        mail = Mail(sender, reply_to, subject, body, html, attachments)
        check_mail(mail)
        chosen = chosen_server(account, server)
        ledger = Ledger.of(self.task_info.result, read_recipients(recipients, recipients_csv))
        letters = Letters(mail, ledger.batch)
        if ledger.goes_by_address:
            self.logger.warning(
                "The list of recipients has changed since the last attempt; going on by their addresses"
            )
        self._save(ledger)
        try:
            with MailConnection(chosen) as connection:
                self._serve(ledger, letters, connection, Pace(mails_per_minute))
        finally:
            self._save(ledger, is_end=True)
        self._conclude(ledger)

    def _serve(self, ledger: Ledger, letters: Letters, connection: MailConnection, pace: Pace) -> None:
        troubles = 0
        saved_at = time.monotonic()
        for recipient in ledger.turns():
            sent_before = ledger.sent_count
            troubles = troubles + 1 if self._handle(recipient, ledger, letters, connection, pace) else 0
            if troubles == TROUBLE_LIMIT:
                reason = ledger.missed[-1].reason
                raise ConnectionError(f"The mail server failed at {troubles} recipients in a row: {reason}")
            if ledger.sent_count > sent_before or time.monotonic() > saved_at + _SAVE_SECONDS:
                self._save(ledger)
                saved_at = time.monotonic()

    def _handle(
        self, recipient: Recipient, ledger: Ledger, letters: Letters, connection: MailConnection, pace: Pace
    ) -> bool:
        """Send one mail, note what became of it, and tell whether the server did not answer."""
        try:
            letter = letters.letter_for(recipient)
            pace.wait()
            # The record of the mail before is stored while the server looks at this recipient.
            connection.send(letter, before_content=self.wait_until_stored)
        except NoMailError as error:
            self.logger.warning("No mail to %r: %s", recipient.written, error)
            ledger.note_failed(recipient, str(error))
        except LaterError as error:
            self.logger.warning("No mail to %r for now: %s", recipient.written, error)
            ledger.note_deferred(recipient, str(error))
            return isinstance(error, NoAnswerError)
        else:
            self.logger.info("Sent a mail to %s", recipient.written)
            ledger.note_sent(recipient)
        return False

    def _save(self, ledger: Ledger, *, is_end: bool = False) -> None:
        self.set_progress(self.task_info.id, 100 * ledger.settled_count / max(ledger.total, 1))
        self.set_output(self.task_info.id, ledger.to_output(is_end=is_end))

    def _conclude(self, ledger: Ledger) -> None:
        """Decide how the attempt ends, now that everybody had his turn."""
        missed = ledger.missed
        self.logger.info("Sent %d mails; %d of %d recipients got none", ledger.sent_count, len(missed), ledger.total)
        if not missed:
            return
        example = f"{missed[-1].address}: {missed[-1].reason}"
        if ledger.deferred_count and self.task_info.attempt < self.max_attempts:
            raise RecipientsDeferredError(
                f"{ledger.deferred_count} of {ledger.total} recipients are tried again later, such as {example}"
            )
        if not ledger.sent_count:
            # Those who were deferred stay so: whoever retries the task by hand means them.
            raise NobodyServedError(f"None of {ledger.total} recipients got a mail, such as {example}")
        ledger.give_up()
        self._save(ledger, is_end=True)
