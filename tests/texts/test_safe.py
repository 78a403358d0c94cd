"""What the command line prints is harmless: no escapes, no secrets."""

from __future__ import annotations

import pytest

from lilota.texts.safe import mask_secrets, mask_urls, safe, safe_lines


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x1b[2J", "\\x1b[2J"),
        ("two\nlines\r\t.", "two\\nlines\\r\\t."),
        ("next\x85line", "next\\x85line"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("half \ud800", "half \\ud800"),
        ("grüße 日本 ✔", "grüße 日本 ✔"),
    ],
)
def test_a_text_becomes_one_line_without_effect_on_the_terminal(given, printed):
    """Control characters, line ends and direction marks are shown as escapes; other text stays as it is."""
    assert safe(given) == printed


def test_a_text_of_several_lines_keeps_its_lines():
    """A traceback stays readable: only what is inside a line is escaped."""
    assert safe_lines("a\n\tb\x1b\n") == ["a", "    b\\x1b"]


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://ann:hunter2@db/app", "postgresql://ann:***@db/app"),
        ("postgresql://ann:a/b@c@db/app", "postgresql://ann:***@db/app"),
        ("redis://:hunter2@db", "redis://:***@db"),
        ("postgresql://db/app?password=hunter2&x=1", "postgresql://db/app?password=***&x=1"),
        ("can't reach pg://u:hunter2@h now", "can't reach pg://u:***@h now"),
        ("sqlite:///srv/a:b@c.db", "sqlite:///srv/a:b@c.db"),
        ("http://localhost:8000/x", "http://localhost:8000/x"),
    ],
)
def test_passwords_in_urls_are_hidden_wherever_they_stand(url, masked):
    """A password never reaches the screen, whatever characters it has; URLs without one stay whole."""
    assert mask_urls(url) == masked


def test_secrets_are_hidden_at_any_depth():
    """A telling key hides all below it; a URL hides its password; the rest is not touched."""
    given = {"a": [{"API-Key": ["x"], "deep": {"smtp_password": "x", "n": 1}}], "url": "pg://u:x@h", "ok": None}

    masked = mask_secrets(given)

    assert masked == {
        "a": [{"API-Key": "***", "deep": {"smtp_password": "***", "n": 1}}],
        "url": "pg://u:***@h",
        "ok": None,
    }
