"""send_emails asks of every answer of a server: is it for now or for ever, for this recipient or for all?"""

from __future__ import annotations

import pytest
from lilota_example_tasks.demo.mail_server import running_mail_server
from lilota_example_tasks.send_emails import SendEmails

from lilota.errors import InvalidInputError
from lilota.models import TaskState

SENDER = "ada@example.org"


@pytest.fixture
def run_attempt(lilota_run, server):
    """Return what runs one attempt for names, after an earlier one perhaps."""

    def run(*names, attempt=1, output=None, **changes):
        data = {
            "server": {**server, **changes},
            "sender": SENDER,
            "subject": "Hello",
            "body": "Hello",
            "recipients": [{"address": address} for address in addresses(*names)],
        }
        return lilota_run(SendEmails, data, name="send_emails", attempt=attempt, output=output)

    return run


def addresses(*names):
    return [f"{name}@example.org" for name in names]


def kind_of(ended):
    """Return the name of the error without the module."""
    return ended.error.type.rpartition(".")[2]


def who(missed):
    return [each["address"] for each in missed]


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["450 4.2.0 Greylisted", "451 Try again", "452 Full", "454 Not now"])
def test_a_recipient_who_is_refused_for_now_is_tried_again_and_the_others_get_their_mail(
    run_attempt, mailbox, step, answer
):
    """RFC 5321, 4.5.4.1. The attempt comes back; only he is written to then."""
    mailbox.answers[step, "bob@example.org"] = [answer]

    first = run_attempt("ann", "bob", "eve")
    second = run_attempt("ann", "bob", "eve", attempt=2, output=first.output)

    assert (first.state, kind_of(first)) == (TaskState.PENDING, "RecipientsDeferredError")
    assert first.outcome.delay_seconds > 30
    assert (first.output["sent_count"], first.output["deferred"]) == (
        2,
        [{"address": "bob@example.org", "reason": answer}],
    )
    assert second.state is TaskState.SUCCEEDED
    assert mailbox.recipients == addresses("ann", "eve", "bob")
    assert (second.output["sent_count"], second.output["failed"], second.output["deferred"]) == (3, [], [])


def test_who_is_still_refused_for_now_in_the_last_attempt_has_failed(run_attempt, mailbox):
    """The task has done what it could for some, and says who is missing: it succeeded."""
    mailbox.answers["RCPT", "bob@example.org"] = "450 4.2.0 Greylisted"

    ended = run_attempt("ann", "bob", attempt=8)

    assert ended.state is TaskState.SUCCEEDED
    assert ended.output["failed"] == [{"address": "bob@example.org", "reason": "450 4.2.0 Greylisted"}]
    assert ended.output["deferred"] == []


@pytest.mark.parametrize(("attempt", "answer"), [(1, "550 5.1.1 No such mailbox"), (8, "450 4.2.0 Greylisted")])
def test_a_task_that_served_nobody_has_failed(run_attempt, mailbox, attempt, answer):
    """At once where nobody will ever be served, else after the last attempt."""
    for address in addresses("ann", "bob"):
        mailbox.answers["RCPT", address] = answer

    ended = run_attempt("ann", "bob", attempt=attempt)

    assert (ended.state, kind_of(ended)) == (TaskState.FAILED, "NobodyServedError")
    assert f"bob@example.org: {answer}" in ended.error.message
    assert ended.output["sent"] == []


def test_a_task_for_nobody_succeeds(run_attempt):
    """An empty list is no failure."""
    assert run_attempt().state is TaskState.SUCCEEDED


@pytest.mark.parametrize(
    ("step", "answer"),
    [("RCPT", "550 No such mailbox"), ("RCPT", "553 Not so"), ("DATA", "554 Spam"), ("DATA", "552 Too large")],
)
def test_a_recipient_who_is_refused_for_ever_fails_alone(run_attempt, mailbox, step, answer):
    """The reason are the server's words."""
    mailbox.answers[step, "bob@example.org"] = answer

    ended = run_attempt("bob", "eve")

    assert ended.state is TaskState.SUCCEEDED
    assert mailbox.recipients == addresses("eve")
    assert ended.output["failed"] == [{"address": "bob@example.org", "reason": answer}]


def test_a_full_mailbox_is_for_now(run_attempt, mailbox):
    """552 at RCPT TO is to be treated as 452 (RFC 5321, 4.5.3.1.10)."""
    mailbox.answers["RCPT", "bob@example.org"] = "552 Over quota"

    assert who(run_attempt("ann", "bob").output["deferred"]) == addresses("bob")


def test_a_sender_who_is_refused_for_ever_ends_the_task(run_attempt, mailbox):
    """It would be refused for every recipient."""
    mailbox.answers["MAIL", SENDER] = "550 Not you"

    ended = run_attempt("bob")

    assert (ended.state, kind_of(ended)) == (TaskState.FAILED, "InvalidInputError")
    assert "refuses the sender 'ada@example.org': 550 Not you" in ended.error.message


def test_a_sender_who_is_refused_for_now_ends_the_attempt(run_attempt, mailbox):
    """As many servers tell of too many mails: nobody is worth a try now, and nobody has failed."""
    mailbox.answers["MAIL", SENDER] = "451 4.7.1 Slow down"

    ended = run_attempt("bob", "eve")

    assert (ended.state, kind_of(ended)) == (TaskState.PENDING, "ConnectionError")
    assert (ended.output["failed"], ended.output["deferred"], ended.output["done"]) == ([], [], 0)
    assert len(mailbox.senders) == 1


def test_a_server_that_takes_so_many_mails_over_one_connection_gets_the_rest_over_another(run_attempt, mailbox):
    """A sender who was taken before is not refused for himself."""
    mailbox.answers["MAIL", SENDER] = ["250 OK", "452 4.5.3 Too many mails in this session"]

    ended = run_attempt("bob", "eve")

    assert ended.state is TaskState.SUCCEEDED
    assert mailbox.recipients == addresses("bob", "eve")


@pytest.mark.parametrize("answer", ["hang up", "421 Shutting down"])
@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
def test_a_server_that_hangs_up_gets_the_mail_over_a_new_connection(run_attempt, mailbox, step, answer):
    """Once may happen: it was idle for too long, or it is being restarted."""
    mailbox.answers[step, SENDER if step == "MAIL" else "bob@example.org"] = [answer]

    ended = run_attempt("bob", "eve")

    assert ended.state is TaskState.SUCCEEDED
    assert mailbox.recipients == addresses("bob", "eve")


@pytest.mark.parametrize("answer", ["hang up", "421 Shutting down", "silence"])
@pytest.mark.parametrize("step", ["RCPT", "DATA"])
def test_one_recipient_at_whom_the_server_fails_does_not_stop_the_others(run_attempt, mailbox, step, answer):
    """He goes to the end: the next attempt tries him again."""
    mailbox.answers[step, "bob@example.org"] = answer

    ended = run_attempt("ann", "bob", "eve", timeout_seconds=1)

    assert (ended.state, kind_of(ended)) == (TaskState.PENDING, "RecipientsDeferredError")
    assert {"ann@example.org", "eve@example.org"} <= set(mailbox.recipients)
    assert who(ended.output["deferred"]) == addresses("bob")
    assert ended.output["sent"] == addresses("ann", "eve")


def test_a_server_that_fails_at_many_in_a_row_is_left_in_peace(run_attempt, mailbox):
    """Then it is not because of them: the attempt ends, and no recipient has failed."""
    names = [f"u{number}" for number in range(8)]
    for address in addresses(*names):
        mailbox.answers["RCPT", address] = "hang up"

    ended = run_attempt(*names)

    assert (ended.state, kind_of(ended)) == (TaskState.PENDING, "ConnectionError")
    assert "failed at 5 recipients in a row: the server hung up" in ended.error.message
    assert (ended.output["failed"], len(ended.output["deferred"]), ended.output["done"]) == ([], 5, 5)


def test_those_who_had_no_turn_come_before_those_who_are_tried_again(run_attempt, mailbox):
    """One who keeps the server silent for a minute must not do so to the same others each time."""
    names = [f"u{number}" for number in range(7)]
    for address in addresses(*names[:5]):
        mailbox.answers["RCPT", address] = ["hang up", "hang up"]
    first = run_attempt(*names)

    run_attempt(*names, attempt=2, output=first.output)

    assert mailbox.recipients == addresses("u5", "u6", "u0", "u1", "u2", "u3", "u4")


class Greeter:
    """A server with its own opinion of EHLO."""

    def __init__(self, answer):
        self.answer = answer

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802 - aiosmtpd's name
        return [self.answer]

    async def handle_HELO(self, server, session, envelope, hostname):  # noqa: N802 - aiosmtpd's name
        return self.answer


@pytest.mark.parametrize(
    ("answer", "state", "kind"),
    [
        ("421 Too many connections", TaskState.PENDING, "ConnectionError"),
        ("450 Come back later", TaskState.PENDING, "ConnectionError"),
        ("550 Not you", TaskState.FAILED, "InvalidInputError"),
    ],
)
def test_a_server_that_refuses_to_talk_does_so_for_all(run_attempt, answer, state, kind):
    """Before the first mail there is no recipient whose fault it could be."""
    with running_mail_server(Greeter(answer)) as port:
        ended = run_attempt("bob", port=port)

    assert (ended.state, kind_of(ended)) == (state, kind)
    assert answer in ended.error.message
    assert ended.output["done"] == 0


def test_the_messages_of_errors_say_what_to_expect(make_mailing, server, mailbox):
    """A refused sender is final, so its error is one of the input."""
    mailbox.answers["MAIL", SENDER] = "553 Not so"

    with pytest.raises(InvalidInputError, match="553 Not so"):
        make_mailing(server, [{"address": "bob@example.org", "name": "Bob", "amount": 1}]).run()
