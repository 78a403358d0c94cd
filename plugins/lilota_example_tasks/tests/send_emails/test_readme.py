"""The example of the README sends a mail."""

from __future__ import annotations

import json
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_the_example_can_be_sent_as_it_is(make_mailing, server, mailbox, tmp_path, monkeypatch):
    """With the account and the folder that it speaks of."""
    monkeypatch.setenv("LILOTA_MAIL_ATTACHMENTS", str(tmp_path))
    (tmp_path / "terms.pdf").write_bytes(b"%PDF")
    lines = README.read_text().partition("with `mails.json`:\n")[2].splitlines()
    example = json.loads("\n".join(lines[1 : lines.index("    }") + 1]))
    place = {key: example.pop(key) for key in ("account", "recipients")}

    output = make_mailing(server, place["recipients"], **example).run()

    assert place["account"] == "shop"
    assert output["sent"] == ["ada@example.org"]
    assert mailbox.mails[0]["Subject"] == "Your order, Ada"
