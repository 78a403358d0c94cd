"""The example of the README sends a mail."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from lilota_example_tasks.send_emails import SendEmails

from lilota.stores import open_store

README = Path(__file__).parents[2] / "README.md"


def test_the_example_can_be_added_and_sent_as_it_is(lilota_run, server, mailbox, tmp_path, monkeypatch):
    """With the account and the folder that it speaks of; the account needs no login here."""
    example = README.read_text().partition("with `mails.json`:\n")[2].splitlines()
    (tmp_path / "mails.json").write_text("\n".join(example[1 : example.index("    }") + 1]))
    (tmp_path / "terms.pdf").write_bytes(b"%PDF")
    account = "\n".join(f"{key} = {json.dumps(value)}" for key, value in server.items())
    (tmp_path / "accounts.toml").write_text(f"[shop]\n{account}\n")
    monkeypatch.setenv("LILOTA_MAIL_ACCOUNTS", str(tmp_path / "accounts.toml"))
    monkeypatch.setenv("LILOTA_MAIL_ATTACHMENTS", str(tmp_path))
    store_url = f"sqlite:///{tmp_path}/tasks.db"

    command = [sys.executable, "-m", "lilota", "add", "send_emails", "--input", "@mails.json", "--store", store_url]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    with closing(open_store(store_url)) as store:
        added = store.get(1)
    ended = lilota_run(SendEmails, added.input, name="send_emails")

    assert ended.output["sent"] == ["ada@example.org"]
    assert mailbox.mails[0]["Subject"] == "Your order, Ada"
