"""send_emails: what mail programs and servers get to see."""

from __future__ import annotations

import logging
import socket
import ssl

import pytest
from lilota_example_tasks.demo.mail_server import HOST, running_mail_server
from lilota_example_tasks.send_emails import SendEmails

from lilota.errors import InvalidInputError
from lilota.models import TaskState

NAME = "send_emails"
PASSWORD = "correct horse"


def people(*names):
    return [{"address": f"{name}@example.org", "name": name, "amount": 5} for name in names]


def addresses(*names):
    return [f"{name}@example.org" for name in names]


def reason(output):
    return output["failed"][0]["reason"]


def test_mails_travel_encrypted_after_a_login(make_mailing, secure_server, mailbox):
    """The server gets a mail per recipient, with the templates filled, over TLS with a checked certificate."""
    task = make_mailing(secure_server, people("bob", "eve"))

    output = task.run()

    assert (output["sent"], output["failed"], task.progress[-1]) == (addresses("bob", "eve"), [], 100)
    assert (mailbox.mails[0]["Subject"], mailbox.mails[0]["From"]) == ("Hello bob", "Ada <ada@example.org>")
    assert mailbox.mails[0].get_content().splitlines() == ["Dear bob,", "you owe $5."]
    assert mailbox.mails[0]["Date"]
    assert mailbox.mails[0]["Message-ID"] != mailbox.mails[1]["Message-ID"]


def test_encryption_from_the_start_works_too(make_mailing, mailbox, authority, tmp_path):
    """Security "tls" speaks TLS before SMTP, as on port 465."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(HOST).configure_cert(context)
    with running_mail_server(mailbox, tls=context) as port:
        server = {"host": HOST, "port": port, "security": "tls", "ca_file": str(tmp_path / "ca.pem")}
        make_mailing(server, people("bob")).run()

    assert mailbox.addresses == addresses("bob")


def test_letters_of_the_world_arrive(make_mailing, server, mailbox):
    """Names and texts outside ASCII are encoded, and decoded again by the reader."""
    make_mailing(server, [{"address": "z@example.org", "name": "Zoë 李", "amount": "5 €"}]).run()

    assert mailbox.mails[0]["Subject"] == "Hello Zoë 李"
    assert "5 €" in mailbox.mails[0].get_content()


def test_one_failed_address_does_not_stop_the_rest(make_mailing, server, mailbox):
    """An address that the server refuses is reported with the server's words."""
    mailbox.answers["RCPT", "gone@example.org"] = "550 5.1.1 No such mailbox"

    output = make_mailing(server, people("bob", "gone", "eve")).run()

    assert mailbox.addresses == output["sent"] == addresses("bob", "eve")
    assert output["failed"] == [{"address": "gone@example.org", "reason": "550 5.1.1 No such mailbox"}]


@pytest.mark.parametrize(
    ("recipient", "expected"),
    [
        ({"address": "bob@example.org", "amount": 1}, "wants the field 'name'"),
        ({"address": "bob@example.org", "name": None, "amount": 1}, "wants the field 'name'"),
        ({"address": "bob@example.org", "name": "x\nBcc: all@example.org", "amount": 1}, "longer than one line"),
        ({"address": "bob@example.org\r\nBcc: all@example.org", "name": "x", "amount": 1}, "line end"),
        ({"address": "bob@example.org, all@example.org", "name": "x", "amount": 1}, "not like 'name@example.org'"),
        ({"address": "bob", "name": "x", "amount": 1}, "not like 'name@example.org'"),
        ({"address": "@example.org", "name": "x", "amount": 1}, "not like 'name@example.org'"),
        ({"name": "x", "amount": 1}, "no 'address'"),
    ],
)
def test_a_recipient_who_can_not_be_written_to_fails_alone(make_mailing, server, mailbox, recipient, expected):
    """A missing field, a header smuggled in, a wrong address: the reason says which, and the next one gets a mail."""
    output = make_mailing(server, [recipient, *people("eve")]).run()

    assert expected in reason(output)
    assert mailbox.addresses == addresses("eve")


def test_the_output_is_set_after_each_mail(make_mailing, server):
    """Whoever looks sees how many were written to so far, and at the end who they were."""
    task = make_mailing(server, people("bob", "eve"))

    task.run()

    assert [output["sent_count"] for output in task.outputs] == [0, 1, 2, 2]
    assert [output.get("sent") for output in task.outputs] == [None, None, None, addresses("bob", "eve")]


def test_an_unreachable_server_raises_so_that_it_is_tried_again(make_mailing):
    """The error is not final, names the server, and leaves a record to go on from."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port = unused.getsockname()[1]
        task = make_mailing({"host": HOST, "port": port, "security": "none"}, people("bob"))

        with pytest.raises(ConnectionError, match=f"{HOST}:{port} can't be reached"):
            task.run()
    assert task.outputs[-1]["sent"] == []


@pytest.mark.parametrize(("attempt", "state"), [(1, TaskState.PENDING), (8, TaskState.FAILED)])
def test_an_unreachable_server_is_tried_eight_times_with_pauses(lilota_run, attempt, state):
    """The first attempt comes back after a while, the eighth is the last."""
    data = {"sender": "ada@example.org", "subject": "Hello", "body": "Hello", "recipients": people("bob")}
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        server = {"host": HOST, "port": unused.getsockname()[1], "security": "none"}
        ended = lilota_run(SendEmails, {**data, "server": server}, name=NAME, attempt=attempt)

    assert (ended.state, ended.error.type) == (state, "ConnectionError")
    assert (ended.outcome.delay_seconds > 20) is (state is TaskState.PENDING)


def test_a_wrong_input_is_not_tried_again(lilota_run):
    """It would be as wrong the next time."""
    data = {"sender": "ada@example.org", "subject": "100 $", "body": "Hello", "recipients": people("bob")}
    ended = lilota_run(SendEmails, data, name=NAME)

    assert (ended.state, ended.error.type) == (TaskState.FAILED, "InvalidInputError")


def test_a_refused_login_is_final_and_reveals_no_password(make_mailing, secure_server, monkeypatch, caplog):
    """The error names the user; the password is in no error, log line or output."""
    monkeypatch.setenv("MAIL_PASSWORD", "wr0ng-secret")
    caplog.set_level(logging.DEBUG)
    task = make_mailing(secure_server, people("bob"))

    with pytest.raises(InvalidInputError, match="refuses the login of 'ada' with code 535") as caught:
        task.run()
    assert "wr0ng-secret" not in caplog.text + str(task.outputs) + repr(caught.value)
    assert caught.value.__context__ is None


def test_the_password_can_come_from_a_file(make_mailing, secure_server, mailbox, tmp_path):
    """A line end after the password is not part of it."""
    (tmp_path / "secret").write_text(f"{PASSWORD}\n")
    del secure_server["password_env"]

    make_mailing({**secure_server, "password_file": str(tmp_path / "secret")}, people("bob")).run()

    assert mailbox.addresses == addresses("bob")


def test_a_certificate_of_an_unknown_authority_is_refused(make_mailing, secure_server, mailbox):
    """Nothing is sent, not even the login, and the remedy is named."""
    del secure_server["ca_file"]

    with pytest.raises(InvalidInputError, match=r"not trusted: .*'ca_file'"):
        make_mailing(secure_server, people("bob")).run()
    assert mailbox.mails == []


def test_a_server_without_encryption_is_refused_unless_asked_for(make_mailing, server, mailbox):
    """STARTTLS is the default; a server that does not offer it gets no mail."""
    del server["security"]

    with pytest.raises(InvalidInputError, match=r"STARTTLS.*'security'"):
        make_mailing(server, people("bob")).run()
    assert mailbox.mails == []


def test_recipients_can_come_from_a_csv_file(make_mailing, server, mailbox, tmp_path):
    """Columns are fields; a byte order mark is not part of the first one's name."""
    path = tmp_path / "people.csv"
    path.write_text("address,name,amount\nbob@example.org,Bob,1\neve@example.org\n", encoding="utf-8-sig")

    output = make_mailing(server, None, recipients_csv=str(path)).run()

    assert mailbox.addresses == addresses("bob")
    assert "wants the field 'name'" in reason(output)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sender": "nobody"}, "sender: 'nobody'"),
        ({"sender": "a@example.org, b@example.org"}, "is not one address"),
        ({"sender": "a@example.org\nBcc: b@example.org"}, "is not one address"),
        ({"subject": "Hello\nBcc: all@example.org"}, "one line"),
        ({"subject": "100 $ for you"}, "subject: a '\\$'"),
        ({"recipients_csv": "x.csv"}, "either 'recipients' or 'recipients_csv'"),
        ({"recipients": None, "recipients_csv": "nowhere.csv"}, "no file 'nowhere.csv'"),
        ({"recipients": None, "recipients_csv": __file__}, "no column 'address'"),
        ({"recipients": None, "recipients_csv": "/proc/self/mem"}, "recipients_csv: "),
        ({"recipients": [{}] * 20_001}, "at most 20,000"),
        ({"server": {"host": HOST, "password_env": "HOME"}}, "unknown field `password_env`"),
        ({"server": {"host": HOST, "password_file": "/etc/passwd"}}, "unknown field `password_file`"),
        ({"account": "shop"}, "either 'account'.* or a 'server'"),
        ({"account": "shop", "server": None}, "no LILOTA_MAIL_ACCOUNTS"),
        ({"server": {"host": HOST, "password": "secret"}}, "unknown field `password`"),
        ({"server": {"host": HOST, "ca_file": "nowhere.pem"}}, "ca_file: 'nowhere.pem'"),
    ],
)
def test_an_input_that_can_not_work_is_final_and_says_why(make_mailing, server, keys, message):
    """It raises before any mail is sent, with an error that is not tried again."""
    with pytest.raises(InvalidInputError, match=message):
        make_mailing(**{"server": server, "recipients": people("bob"), **keys}).run()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[other]\nhost = 'h'", "there is no 'shop'"),
        ("[shop]\nhost = 'h'\nusername = 'ada'", "either 'password_env' or 'password_file'"),
        ("[shop]\nhost='h'\nusername='ada'\npassword_env='X'\nsecurity='none'", "travel readable"),
        ("[shop]\nhost = 1", "can't be used"),
        ("no toml", "can't be used"),
        (None, "can't be used"),
    ],
)
def test_an_account_that_can_not_be_used_is_final_and_says_why(make_task, tmp_path, monkeypatch, content, message):
    """The operator reads what to mend in his file; whoever added the task can't name another server or password."""
    if content is not None:
        (tmp_path / "accounts.toml").write_text(content)
    monkeypatch.setenv("LILOTA_MAIL_ACCOUNTS", str(tmp_path / "accounts.toml"))
    data = {"account": "shop", "sender": "ada@example.org", "subject": "s", "body": "b", "recipients": people("bob")}

    with pytest.raises(InvalidInputError, match=message):
        make_task(SendEmails, NAME, data).run()


def test_a_missing_environment_variable_is_named(make_mailing, secure_server, monkeypatch):
    """The message says where the password was looked for."""
    monkeypatch.delenv("MAIL_PASSWORD")

    with pytest.raises(InvalidInputError, match="no environment variable 'MAIL_PASSWORD'"):
        make_mailing(secure_server, people("bob")).run()


@pytest.mark.parametrize(
    ("content", "message"), [("a\n" * 20_010, "at most 20,000"), ("a" * 2_000_000, "a line is longer")]
)
def test_a_file_is_read_no_further_than_a_list_can_be(make_mailing, server, tmp_path, content, message):
    """Whatever it is, it does not fill the memory."""
    (tmp_path / "people.csv").write_text(f"address\n{content}")

    with pytest.raises(InvalidInputError, match=message):
        make_mailing(server, None, recipients_csv=str(tmp_path / "people.csv")).run()
