"""What is shown to people has no secrets in it, wherever they stand."""

from __future__ import annotations

import pytest

from lilota.texts.secrets import mask_secrets, mask_text, redacted


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://ann:hunter2@db/app", "postgresql://ann:***@db/app"),
        ("postgresql://ann:a/b@c@db/app", "postgresql://ann:***@db/app"),
        ("postgresql://ann@corp:hunter2@db/app", "postgresql://ann@corp:***@db/app"),
        ("redis://:hunter2@db", "redis://:***@db"),
        ("postgresql://db/app?password=hunter2&x=1", "postgresql://db/app?password=***&x=1"),
        ("https://maps/?key=hunter2&sig=x&monkey=y", "https://maps/?key=***&sig=***&monkey=***"),
        ("can't reach pg://u:hunter2@h now", "can't reach pg://u:***@h now"),
        ("sqlite:///srv/a:b@c.db", "sqlite:///srv/a:b@c.db"),
        ("http://localhost:8000/x", "http://localhost:8000/x"),
    ],
)
def test_passwords_in_urls_are_hidden_wherever_they_stand(url, masked):
    """A password never reaches the screen, whatever characters it has; URLs without one stay whole."""
    assert mask_text(url) == masked


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:a b@h/db", "postgresql://u:***@h/db"),
        ("postgresql://u:p://x@h/db", "postgresql://u:***@h/db"),
        ("u:hunter2@h", "u:***@h"),
        ("host=h password='a b' dbname=x", "host=h password='***' dbname=x"),
        ("memory", "memory"),
    ],
)
def test_the_address_of_a_store_is_one_url_even_where_it_is_badly_written(url, masked):
    """A password that should have been quoted, and what is no URL at all, give nothing away."""
    assert redacted(url) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("host=h password=hunter2 port=1", "host=h password=*** port=1"),
        ("connect(host='h', password='a b')", "connect(host='h', password='***')"),
        ("Server=h;PWD=hunter2 refused", "Server=h;PWD=*** refused"),
        ("started with --api-key=abc --n=1", "started with --api-key=*** --n=1"),
        ("AWS_SECRET_ACCESS_KEY=abc", "AWS_SECRET_ACCESS_KEY=***"),
        ("access_key=abc jwt=abc", "access_key=*** jwt=***"),
        ("headers['Cookie'] = 'abc'", "headers['Cookie'] = '***'"),
        ('sent {"jwt": "a\\"b", "n": 1}', 'sent {"jwt": "***", "n": 1}'),
        ("sent {'bearer': 'abc', 'n': 1}", "sent {'bearer': '***', 'n': 1}"),
        (r"sent {\"pwd\": \"abc\"} twice", r"sent {\"pwd\": *** twice"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
        ("curl -H 'Authorization: Bearer sk-12345'", "curl -H 'Authorization: Bearer ***'"),
        ("logged in with eyJhbGci.eyJzdWIi.c2ln-", "logged in with ***"),
    ],
)
def test_what_stands_behind_a_telling_name_is_hidden(text, masked):
    """Connection strings, calls, JSON and headers in log lines and errors; the rest of the line stays."""
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "'word' is not key=value",
        "passed=12 failed=0",
        "author=Ann",
        "if token == 'x'",
        "AuthenticationError: no such user",
        "Bearer authentication failed",
        "password=",
        "a monkey, a token and a secret",
        "",
    ],
)
def test_texts_that_only_talk_of_secrets_stay_as_they_are(text):
    """An error must still say what is wrong."""
    assert mask_text(text) == text


def test_secrets_are_hidden_at_any_depth():
    """A telling key hides all below it; a text hides what it gives away; the rest is not touched."""
    given = {
        "a": [{"API-Key": ["x"], "deep": {"smtp_password": "x", "n": 1}}],
        "url": "pg://u:x@h",
        "ok": None,
        "pwd": "x",
        "access_key": "x",
        "jwt": "x",
        "bearer": "x",
        "author": "Ann",
    }

    masked = mask_secrets(given)

    assert masked == {
        "a": [{"API-Key": "***", "deep": {"smtp_password": "***", "n": 1}}],
        "url": "pg://u:***@h",
        "ok": None,
        "pwd": "***",
        "access_key": "***",
        "jwt": "***",
        "bearer": "***",
        "author": "Ann",
    }


def test_keys_give_nothing_away_either():
    """Whoever adds a task chooses the keys of its input, too."""
    assert mask_secrets({"pg://u:x@h": {"at pg://u:x@h/db": 1}}) == {"pg://u:***@h": {"at pg://u:***@h/db": 1}}
