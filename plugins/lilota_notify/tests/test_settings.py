"""Wrong settings are one sentence that names the place, and shows no secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lilota_notify.allowing import check_allowed
from lilota_notify.errors import UndeliverableError
from lilota_notify.settings import Mail, NotifySettings, Rule, Webhooks, load_settings

from lilota.errors import ConfigurationError

PAGE = Path(__file__).parents[3] / "docs/how-to/tell-when-a-task-ends.md"
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MAIL = "[mail]\nserver = 'localhost'\nrecipients = ['*']\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("webhooks = 7", r"Expected `object`, got `int` - at `\$.webhooks`"),
        ("hosts = []", "unknown field `hosts`"),
        ("[webhooks.'a']", "missing required field `keys`"),
        ("[webhooks.'a']\nkeys = []", "length >= 1"),
        ("[webhooks.'a']\nkeys = ['hunter2']", r"webhooks\.'a' in .*notify\.toml: A key of webhooks is no base64"),
        (f"[webhooks.'a']\nkeys = ['{KEY}']\nnetworks = ['10.0.0.1/8']", "host bits set"),
        (f"[webhooks.'a']\nkeys = ['{KEY}']\nports = [0]", ">= 1"),
        (f"{MAIL}sender = 'nobody'", "'sender' must be an address"),
        (f'{MAIL}sender = "a@b\\nBcc: c@d"', "'sender' must be an address"),
        (f"{MAIL}sender = 'a@b'\nusername = 'ada'", "'username' and 'password' go together"),
        (f"{MAIL}sender = 'a@b'\nusername = 'a'\npassword = 'hunter2'\nsecurity = 'none'", "would travel readable"),
        (f"{MAIL}sender = 'a@b'\nsubject = '$input'", r"'subject' has a '\$'"),
        (f"{MAIL}sender = 'a@b'\ntext = 'only $5'", r"'text' has a '\$'"),
        ("[[rules]]\nnames = ['a']\nto = ['https://a/']", "rules in .*: The host 'a' is told of no task"),
        ("look_seconds = -1", "> 0.0"),
        ("= 7", "TOML|statement"),
    ],
)
def test_a_mistake_is_named(text, sentence, settings):
    settings(text)

    with pytest.raises(ConfigurationError, match=sentence) as raised:
        load_settings()
    assert "hunter2" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("LILOTA_NOTIFY", "/nowhere/notify.toml")

    with pytest.raises(ConfigurationError, match=r"/nowhere/notify\.toml in LILOTA_NOTIFY"):
        load_settings()


def test_the_nearest_pattern_of_a_host_counts(settings):
    """A host below one that is allowed is not allowed by that."""
    settings("".join(f"[webhooks.'{host}']\nkeys = ['{KEY}']\n" for host in ("example.com", "*.example.com")))
    loaded = load_settings()

    for host in ("example.com", "hooks.example.com", "a.b.example.com"):
        check_allowed(f"https://{host}/", loaded)
    for host in ("badexample.com", "example.com.evil.org", "com"):
        with pytest.raises(UndeliverableError):
            check_allowed(f"https://{host}/", loaded)


def test_no_setting_shows_a_secret(settings):
    settings(f"[webhooks.'a']\nkeys = ['{KEY}']\n{MAIL}sender = 'a@b'\nusername = 'a'\npassword = 'hunter2'")
    loaded = load_settings()

    for record in (loaded, loaded.mail, loaded.webhooks["a"]):
        assert not re.search("hunter2|whsec", f"{record} {record!r}")


@pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")
@pytest.mark.parametrize("record", [NotifySettings, Webhooks, Mail, Rule], ids=lambda record: record.__name__)
def test_each_setting_is_in_the_page(record):
    text = PAGE.read_text(encoding="utf-8")

    assert [name for name in record.__struct_fields__ if f"`{name}`" not in text] == []
