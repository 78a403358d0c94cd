"""Notifications are cut for ever: they are hints, and nothing depends on them."""

from __future__ import annotations

import pytest
from sites.thief import LISTENING, Theft, Thief

pytestmark = pytest.mark.slow


def test_tasks_run_though_no_notification_ever_arrives(site, field):
    """The runner listens and hears nothing; it finds by polling what was added elsewhere, and cancellations too."""
    with Thief(site.address) as thief:
        thief.steal(LISTENING, Theft.ALL_LATER)
        field.start_runner(site.via(field.url, thief.port))
        for _ in range(3):
            field.await_end(field.add(4))

        found = field.settle()

    assert found == []
    assert thief.stolen > 0
