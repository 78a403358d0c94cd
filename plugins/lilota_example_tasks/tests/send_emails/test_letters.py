"""send_emails: what a mail looks like when it arrives."""

from __future__ import annotations

import os

import pytest

from lilota.errors import InvalidInputError

LIMIT_BYTES = 15 * 1024 * 1024


def person(**fields):
    return {"address": "bob@example.org", "name": "Bob", "amount": 1, **fields}


def text_of(mail, kind="plain"):
    return mail.get_body((kind,)).get_content().replace("\r\n", "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of what may be attached."""
    folder = tmp_path / "attachments"
    folder.mkdir()
    monkeypatch.setenv("LILOTA_MAIL_ATTACHMENTS", str(folder))
    return folder


@pytest.mark.parametrize(
    "body",
    [
        "Dear Ada,\n\nFrom Monday on we are closed.\n",
        "From here\n.\n..\n.dot\nFrom there\n",
        "x" * 3000 + "\n",
        "Größe 5 € 李\nFrom Zoë\n",
        "tab\tand form feed\x0c and trailing blanks  \n\n\n",
        "ends without a line end",
    ],
)
def test_a_body_arrives_as_it_was_written(make_mailing, server, mailbox, body):
    """Lines that begin with "From " or a dot, long lines, letters outside ASCII; only the last line end is added."""
    make_mailing(server, [person()], body=body).run()

    assert text_of(mailbox.mails[0]) == (body if body.endswith("\n") else f"{body}\n")
    assert all(byte < 128 for byte in bytes(mailbox.mails[0]))


@pytest.mark.parametrize("body", ["one\rtwo\n", "one\r\ntwo\n"])
def test_other_line_ends_become_those_of_mail(make_mailing, server, mailbox, body):
    """A single CR may not travel."""
    make_mailing(server, [person()], body=body).run()

    assert text_of(mailbox.mails[0]) == "one\ntwo\n"


def test_html_comes_with_the_plain_text_and_fields_are_text_in_it(make_mailing, server, mailbox):
    """Nobody writes into a mail of the shop by having an odd name."""
    make_mailing(server, [person(name="<b>Zoë</b> & co")], html="<p>Dear $name</p>").run()

    (mail,) = mailbox.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert text_of(mail).startswith("Dear <b>Zoë</b> & co")
    assert text_of(mail, "html") == "<p>Dear &lt;b&gt;Zoë&lt;/b&gt; &amp; co</p>\n"


def test_files_are_attached_under_their_names(make_mailing, server, mailbox, folder):
    """With the type that their names tell."""
    (folder / "sub").mkdir()
    files = {"Größe.pdf": b"%PDF", "sub/list.txt": "ä\r\nFrom\n".encode(), "mail.eml": b"Subject: x", "x.tar.gz": b"\0"}
    for name, content in files.items():
        (folder / name).write_bytes(content)

    make_mailing(server, [person()], attachments=[*files], html="<p>x</p>").run()

    (mail,) = mailbox.mails
    got = {part.get_filename(): part for part in mail.iter_attachments()}
    assert {name: part.get_content_type() for name, part in got.items()} == {
        "Größe.pdf": "application/pdf",
        "list.txt": "text/plain",
        "mail.eml": "application/octet-stream",
        "x.tar.gz": "application/octet-stream",
    }
    assert [part.get_payload(decode=True) for part in got.values()] == [*files.values()]
    assert text_of(mail, "html") == "<p>x</p>\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("../secret.txt", "not in the folder"),
        ("/etc/passwd", "not in the folder"),
        ("link.txt", "not in the folder"),
        ("linked/secret.txt", "not in the folder"),
        (".", "not in the folder"),
        ("sub", "is no file|can't be read"),
        ("pipe", "is no file|can't be read"),
        ("nowhere.txt", "can't be read"),
        ("nul\0.txt", "not in the folder"),
        ("large.bin", "larger than 15,728,640 bytes"),
    ],
)
def test_what_is_no_plain_file_in_the_folder_is_not_attached(make_mailing, server, folder, path, message):
    """Links may lead anywhere, and a pipe would be waited for."""
    outside = folder.parent / "outside"
    outside.mkdir()
    for place in (folder.parent, outside):
        (place / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "linked").symlink_to(outside)
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    with (folder / "large.bin").open("wb") as file:
        file.truncate(LIMIT_BYTES + 1)

    with pytest.raises(InvalidInputError, match=f"attachments: .*({message})"):
        make_mailing(server, [person()], attachments=[path]).run()


def test_nothing_is_attached_where_the_operator_has_named_no_folder(make_mailing, server):
    """Whoever may add a task could have any file of the worker sent to himself."""
    with pytest.raises(InvalidInputError, match="no LILOTA_MAIL_ATTACHMENTS"):
        make_mailing(server, [person()], attachments=["/etc/passwd"]).run()


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"html": "<p>100 $</p>"}, "html: a '\\$'"),
        ({"body": "\0"}, "body: .*NUL"),
        ({"subject": "a\x1bb"}, "subject: .*control"),
        ({"reply_to": "a@example.org\nBcc: b@example.org"}, "reply_to: .*is not one address"),
        ({"sender": "A\u2028b <a@example.org>"}, "sender: .*is not one address"),
        ({"mails_per_minute": 0}, "mails_per_minute"),
    ],
)
def test_what_can_not_be_a_mail_is_refused_before_the_first(make_mailing, server, mailbox, keys, message):
    """Headers are not broken out of."""
    with pytest.raises(InvalidInputError, match=message):
        make_mailing(server, [person()], **keys).run()
    assert mailbox.recipients == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"name": "a\x1bb"}, "control character"),
        ({"amount": "a\0b"}, "NUL"),
        ({"name": "x\u2028Bcc: y"}, "longer than one line"),
        ({"name": "x" * 1000}, "longer than 900"),
    ],
)
def test_a_field_that_would_break_the_mail_costs_only_its_recipient(make_mailing, server, mailbox, fields, reason):
    """The others get theirs."""
    output = make_mailing(server, [person(**fields), person(address="eve@example.org")]).run()

    assert reason in output["failed"][0]["reason"]
    assert mailbox.recipients == ["eve@example.org"]


def test_headers_that_programs_look_for_stand_in_one_line(make_mailing, server, mailbox):
    """Folding is allowed, but not everybody unfolds."""
    make_mailing(server, [person()], sender="Ada <ada@mail.some-example.org>").run()

    heads = mailbox.contents[0].partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert [line for line in heads if line.startswith((" ", "\t"))] == []
    assert any(line.startswith("Message-ID: <") and line.endswith("@mail.some-example.org>") for line in heads)
