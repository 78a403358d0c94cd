"""A store that is away for a night is a few lines in the log."""

from __future__ import annotations

import logging

from lilota.running.outages import Outage

logger = logging.getLogger("lilota.outages")


def test_an_outage_is_said_at_once_then_each_minute_and_when_it_ends(caplog):
    """The latest failure counts, with what is new in it; what is left out can be had for debugging."""
    now = 0.0
    outage = Outage(logger, lambda: now)

    outage.end("It answers again.")
    with caplog.at_level(logging.DEBUG, logger="lilota"):
        for now in range(125):
            outage.warn("Away for %d s.", now)
        outage.end("It answers again.")
        outage.end("It answers again.")
        outage.warn("Away once more.")
        outage.warn("And %d report(s) are kept.", 1)

    others = ["Away once more.", "And 1 report(s) are kept."]  # another sentence is worth saying
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said == ["Away for 0 s.", "Away for 60 s.", "Away for 120 s.", "It answers again.", *others]
    assert sum(record.levelno == logging.DEBUG for record in caplog.records) == 122
