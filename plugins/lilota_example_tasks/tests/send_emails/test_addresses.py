"""send_emails writes to addresses of all the world, where the server takes them."""

from __future__ import annotations

import pytest
from lilota_example_tasks.demo.mail_server import HOST, running_mail_server
from lilota_example_tasks.send_emails.addresses import key_of, parse_address, parse_named
from lilota_example_tasks.send_emails.answers import NoMailError

from lilota.errors import InvalidInputError

JUERGEN, BUECHER = "jürgen@example.org", "user@bücher.example"


def person(address, **fields):
    return {"address": address, "name": "x", "amount": 1, **fields}


@pytest.fixture
def worldly(mailbox):
    """Return how to reach a server that takes letters of all the world."""
    with running_mail_server(mailbox, enable_SMTPUTF8=True) as port:
        yield {"host": HOST, "port": port, "security": "none"}


def test_a_worldly_server_gets_all_addresses(make_mailing, worldly, mailbox):
    """Only the mails that need it are sent as international ones."""
    output = make_mailing(worldly, [person(JUERGEN), person(BUECHER), person("bob@example.org")]).run()

    assert output["failed"] == []
    assert mailbox.recipients == [JUERGEN, "user@xn--bcher-kva.example", "bob@example.org"]
    assert mailbox.mails[0]["To"] == JUERGEN
    assert ["SMTPUTF8" in options for options in mailbox.options] == [True, False, False]


def test_any_other_server_gets_what_can_be_written_in_ascii(make_mailing, server, mailbox):
    """The domain can; what stands before the @ can't, and the reason says why."""
    output = make_mailing(server, [person(JUERGEN), person(BUECHER)]).run()

    assert mailbox.recipients == ["user@xn--bcher-kva.example"]
    assert mailbox.mails[0]["To"] == "user@xn--bcher-kva.example"
    ((address, reason),) = ((each["address"], each["reason"]) for each in output["failed"])
    assert address == JUERGEN
    assert "does not offer SMTPUTF8" in reason


@pytest.mark.parametrize("key", ["sender", "reply_to"])
def test_a_sender_whom_the_server_can_not_take_fails_the_task(make_mailing, server, mailbox, key):
    """It would be so for every recipient."""
    with pytest.raises(InvalidInputError, match=r"sender, reply_to: .*SMTPUTF8"):
        make_mailing(server, [person("bob@example.org")], **{key: f"Jürgen <{JUERGEN}>"}).run()
    assert mailbox.recipients == []


def test_a_worldly_server_takes_such_a_sender(make_mailing, worldly, mailbox):
    """In the envelope and in the header."""
    make_mailing(worldly, [person("bob@example.org")], sender=f"Jürgen <{JUERGEN}>", reply_to=BUECHER).run()

    assert mailbox.senders == [JUERGEN]
    assert mailbox.mails[0]["From"] == f"Jürgen <{JUERGEN}>"
    assert mailbox.mails[0]["Reply-To"] == "user@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        ("bob@example.org", "bob@example.org"),
        (" bob@Example.org ", "bob@Example.org"),
        ("o'neil+x=1@a_b.example", "o'neil+x=1@a_b.example"),
        ('"a b"@example.org', '"a b"@example.org'),
        ("bob@localhost", "bob@localhost"),
        ("bob@[127.0.0.1]", "bob@[127.0.0.1]"),
        ("u@BÜCHER.example", "u@xn--bcher-kva.example"),
        ("u@例え.テスト", "u@xn--r8jz45g.xn--zckzah"),
        ("u@straße.example", "u@xn--strae-oqa.example"),
        ("u\u0308ser@example.org", "üser@example.org"),
    ],
)
def test_an_address_travels_as_it_was_meant(written, parsed):
    """The domain in ASCII, by the rules of today: "straße.example" is not the domain "strasse.example"."""
    assert parse_address(written).addr_spec == parsed


@pytest.mark.parametrize(
    "written",
    [
        *(None, 7, "", " ", "bob", "@example.org", "bob@", "a b@example.org", "a@b@example.org", ".bob@example.org"),
        *("bob@exam ple.org", "bob@example.org>", "<bob@example.org>", "bob@example.org\r\nBcc: x@y", "bob\0@y.org"),
        *("Bob <bob@example.org>", "bob@example.org, eve@example.org", "a..b@example.org", "bob@" + "ü" * 64 + ".org"),
        *("bob@ü..example", "bob@" + "x" * 320, "bob@\u2028y.org", "jürgen b@example.org", "bob@ß.." + "y"),
    ],
)
def test_what_is_no_address_is_refused(written):
    """Nothing of it may reach a command or a header."""
    with pytest.raises(NoMailError):
        parse_address(written)


def test_a_mailbox_is_the_same_whatever_the_case_of_its_domain():
    """Before the @ the case may matter to its server."""
    one, two, other = map(parse_address, ("bob@bücher.example", "bob@XN--BCHER-KVA.Example", "Bob@bücher.example"))

    assert key_of(one) == key_of(two) != key_of(other)


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("Ada <ada@example.org>", "Ada", "ada@example.org"),
        ('"Lovelace, \\"Ada\\"" <ada@example.org>', 'Lovelace, "Ada"', "ada@example.org"),
        ("Jürgen Größe, GmbH <j@bücher.example>", "Jürgen Größe, GmbH", "j@xn--bcher-kva.example"),
        ("<ada@example.org>", "", "ada@example.org"),
        ("ada@example.org", "", "ada@example.org"),
    ],
)
def test_an_address_may_have_a_name(written, name, address):
    """With or without quotes."""
    parsed = parse_named(written)

    assert (parsed.display_name, parsed.addr_spec) == (name, address)
