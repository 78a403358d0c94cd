"""What a task is called on a page."""

from __future__ import annotations

import pytest
from lilota_status.texts import title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("draw_report", "Draw report"),
        ("draw-report", "Draw report"),
        ("reports:monthly", "Reports: monthly"),
        ("reports:eu:year_end", "Reports: eu: year end"),
        ("crawl:example.com", "Crawl: example.com"),
        ("shop.tasks.draw_report", "Draw report"),
        ("shop.reports:monthly", "Reports: monthly"),
        ("django.tasks:shop.tasks.draw_report", "Draw report"),
        ("Rechnung erstellen", "Rechnung erstellen"),
        ("...", "..."),
    ],
)
def test_a_task_is_called_by_its_name_in_words(client, name, title):
    """Who looks at it sees of which family it is, and not where its code is."""
    assert title_of(client.add(name).info()) == title


def test_a_description_is_what_a_task_is_called(client):
    """Whatever its name is."""
    assert title_of(client.add("reports:monthly", "March, in colour").info()) == "March, in colour"
