"""send_emails in several attempts: what is written when, and lists that change in between."""

from __future__ import annotations

import pytest
from lilota_example_tasks.send_emails import SendEmails, task
from lilota_example_tasks.send_emails.pace import Pace

from lilota.errors import InvalidInputError


def people(*names):
    return [{"address": f"{name}@example.org", "name": name, "amount": 5} for name in names]


def addresses(*names):
    return [f"{name}@example.org" for name in names]


@pytest.fixture
def stopped(make_mailing, server, mailbox):
    """Return what a first attempt leaves that ends when one of the recipients has his turn."""

    def stop(recipients, at, **keys):
        mailbox.answers["MAIL", "ada@example.org"] = ["250 OK"] * at + ["550 Not now"]
        task = make_mailing(server, recipients, **keys)
        with pytest.raises(InvalidInputError):
            task.run()
        mailbox.answers.clear()
        return task.outputs[-1]

    return stop


@pytest.fixture
def csv_file(tmp_path):
    """Return what writes a list of recipients."""
    path = tmp_path / "people.csv"

    def write(*names):
        lines = ["address,name,amount", *(f"{name}@example.org,{name},5" for name in names)]
        path.write_text("\n".join(lines))
        return {"recipients_csv": str(path)}

    return write


def test_the_next_attempt_goes_on_where_the_last_one_stopped(make_mailing, server, mailbox, stopped):
    """Nobody who was handled before gets a second mail, and the mails belong to the same batch."""
    mailbox.answers["RCPT", "gone@example.org"] = "550 No such mailbox"
    earlier = stopped(people("gone", "bob", "eve"), at=2)

    output = make_mailing(server, people("gone", "bob", "eve"), earlier).run()

    assert mailbox.recipients == addresses("bob", "eve")
    assert output["failed"] == [{"address": "gone@example.org", "reason": "550 No such mailbox"}]
    assert (output["sent"], output["done"], output["batch"]) == (addresses("bob", "eve"), 3, earlier["batch"])


def test_a_mail_that_is_sent_again_has_the_same_message_id(make_mailing, server, mailbox):
    """A server that hung up after it took a mail gets it again; mail programs show one."""
    mailbox.answers["DATA", "bob@example.org"] = ["hang up", "hang up"]
    task = make_mailing(server, people("bob"))
    with pytest.raises(Exception, match="tried again later"):
        task.run()

    make_mailing(server, people("bob"), task.outputs[-1]).run()

    assert mailbox.recipients == addresses("bob", "bob", "bob")
    assert len({mail["Message-ID"] for mail in mailbox.mails}) == 1


def test_a_list_that_grew_or_shrank_at_its_end_is_gone_on_with(make_mailing, server, mailbox, stopped, csv_file):
    """Who had his turn is known; the others are served as the list is now."""
    earlier = stopped(None, at=2, **csv_file("ann", "bob", "eve", "zoe"))

    output = make_mailing(server, None, earlier, **csv_file("ann", "bob", "zoe", "ben", "ann")).run()

    assert mailbox.recipients == addresses("ann", "bob", "zoe", "ben")
    assert (output["sent_count"], output["total"]) == (4, 4)


@pytest.mark.parametrize(
    ("names", "served"),
    [
        (("eve", "bob", "ann", "fred"), ("eve",)),
        (("bob", "eve"), ("eve",)),
        (("new", "ann", "bob", "eve"), ("new", "eve")),
        (("ann",), ()),
    ],
)
def test_a_list_that_was_changed_where_it_was_worked_off_goes_by_addresses(
    make_mailing, server, mailbox, stopped, *, csv_file, names, served
):
    """Who got a mail, or failed, is known by name when an attempt has ended; nobody is written to twice or left out."""
    mailbox.answers["RCPT", "fred@example.org"] = "550 No such mailbox"
    earlier = stopped(None, at=3, **csv_file("fred", "ann", "bob", "eve"))

    task = make_mailing(server, None, earlier, **csv_file(*names))
    output = task.run()

    assert mailbox.recipients == addresses("ann", "bob", *served)
    assert output["sent"] == addresses("ann", "bob", *served)
    assert [each["address"] for each in output["failed"]] == addresses("fred")
    assert output["total"] == output["done"] == 3 + len(served)
    assert all("sent" in output for output in task.outputs)


def test_who_was_deferred_and_is_on_the_changed_list_no_more_is_left_alone(make_mailing, server, mailbox, csv_file):
    """The others who were deferred are tried again."""
    for address in addresses("ann", "bob"):
        mailbox.answers["RCPT", address] = ["450 Later"]
    task = make_mailing(server, None, **csv_file("ann", "bob", "eve"))
    with pytest.raises(Exception, match="tried again later"):
        task.run()

    output = make_mailing(server, None, task.outputs[-1], **csv_file("eve", "bob")).run()

    assert mailbox.recipients == addresses("eve", "bob")
    assert (output["sent"], output["deferred"], output["total"]) == (addresses("eve", "bob"), [], 2)


def test_a_list_that_was_changed_before_a_kill_is_refused(make_mailing, server, mailbox, stopped, csv_file):
    """Nobody has written down who got a mail; by their places, others would count as served."""
    earlier = stopped(None, at=2, **csv_file("ann", "bob", "eve"))
    del earlier["sent"]

    with pytest.raises(InvalidInputError, match="changed among the first 2"):
        make_mailing(server, None, earlier, **csv_file("bob", "ann", "eve")).run()
    assert mailbox.recipients == addresses("ann", "bob")


def test_a_mailbox_gets_one_mail_however_often_it_is_on_the_list(make_mailing, server, mailbox):
    """The domain has no case; what stands before the @ may have."""
    twice = [{"address": address, "name": "x", "amount": 1} for address in ("bob@example.org", "bob@EXAMPLE.org")]

    output = make_mailing(server, [*twice, *people("Bob", "bob")]).run()

    assert mailbox.recipients == ["bob@example.org", "Bob@example.org"]
    assert (output["sent_count"], output["total"]) == (2, 2)


def test_the_record_is_in_the_store_before_the_next_mail_goes_out(make_mailing, server, mailbox, monkeypatch):
    """Each wait comes when the mails before are in the output that was set last; the first one is for the batch."""
    task = make_mailing(server, people("ann", "bob", "eve"))
    waits = []
    monkeypatch.setattr(
        SendEmails, "wait_until_stored", lambda _: waits.append((task.outputs[-1]["sent_count"], len(mailbox.mails)))
    )

    task.run()

    assert waits == [(0, 0), (1, 1), (2, 2)]


def test_the_record_does_not_grow_with_the_mails_that_were_sent(make_mailing, server):
    """It is written after each of them; only the last one names them."""
    task = make_mailing(server, people(*(f"u{number}" for number in range(50))))

    task.run()

    lengths = {len(str(output)) for output in task.outputs[:-1]}
    assert max(lengths) - min(lengths) < 10


def test_no_more_mails_go_out_than_were_asked_for():
    """The first goes at once, the others at even distances; a pause is not made up for."""
    now, slept = [100.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(30, lambda: now[0], sleep)
    pace.wait()
    now[0] += 0.5
    pace.wait()
    now[0] += 60
    pace.wait()
    pace.wait()

    assert slept == [1.5, 2.0]


def test_the_input_sets_the_pace(make_mailing, server, monkeypatch):
    """Each mail waits for its moment."""
    paces = []

    class Noted(Pace):
        def wait(self):
            paces.append(self)

    monkeypatch.setattr(task, "Pace", lambda per_minute: Noted(per_minute * 1000))

    make_mailing(server, people("ann", "bob"), mails_per_minute=30).run()

    assert len(paces) == 2
    assert len(set(paces)) == 1
