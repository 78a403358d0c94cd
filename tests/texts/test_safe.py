"""What the command line prints is harmless: no escapes, no secrets."""

from __future__ import annotations

import pytest

from lilota.texts.safe import safe, safe_lines


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


def test_secrets_are_hidden_in_a_line_and_in_several():
    """What makes a text harmless also keeps its secrets from the screen."""
    assert safe("pg://u:hunter2@h refused password=hunter2") == "pg://u:***@h refused password=***"
    assert safe_lines("pg://u:hunter2@h\n\tpwd=hunter2") == ["pg://u:***@h", "    pwd=***"]
