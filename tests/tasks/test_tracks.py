"""How far a task is follows from the loops that it tracks, and from what it says."""

from __future__ import annotations

import asyncio
import json
import math

import pytest

from lilota.tasks.tracks import TracksProgress


class Told:
    """A task that is asked for its news now and then."""

    def __init__(self):
        self.attempt = TracksProgress()
        self.percentage: float | None = None
        self.note: dict[str, object] = {}

    def track(self, items, total=None, message=None, share=1.0):
        return self.attempt.track(items, total, message, share)

    def report(self, percentage=None, step=None, of=None, message=None):
        self.attempt.report_progress(percentage, step, of, message)

    def look(self):
        """Return the percentage and the note, as somebody knows them who has heard all news."""
        news = self.attempt.tracks.news()
        self.percentage = self.percentage if news.percentage is None else news.percentage
        self.note = self.note if news.note_json is None else json.loads(news.note_json)
        return self.percentage, self.note


@pytest.fixture
def told():
    return Told()


def test_a_tracked_loop_tells_step_total_message_and_percentage(told):
    """Of what is done: the item that is at work does not count yet."""
    seen = [told.look() for _ in told.track("abcd", message="Reading")]

    assert [percentage for percentage, _ in seen] == [0, 25, 50, 75]
    assert seen[1][1] == {"message": "Reading", "step": 1, "of": 4}
    assert told.look() == (100, {"message": "Reading", "step": 4, "of": 4})


def test_only_what_has_changed_is_news(told):
    """Who asks twenty times per second writes nothing while nothing happens."""
    for _ in told.track(range(3)):
        told.look()
        assert told.attempt.tracks.news() == (None, None)


def test_a_loop_inside_shares_the_bar(told):
    """It stands for a step of the loop outside, whose steps are counted; the message is the innermost."""
    seen = []
    for _ in told.track(range(2), message="Albums"):
        seen += [told.look() for _ in told.track(range(5), message="Photos")]

    assert [percentage for percentage, _ in seen] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]
    assert seen[7][1] == {"message": "Photos", "step": 1, "of": 2}


def test_loops_after_each_other_share_a_bar_by_weight(told):
    """Each takes its share of what encloses them, from where the one before ended."""
    seen = []
    for share in (0.25, 0.75):
        seen += [told.look()[0] for _ in told.track(range(3), share=share)]
    nested = Told()
    inner = []
    for _ in nested.track(range(2)):
        for share in (0.5, 0.5):
            inner += [nested.look()[0] for _ in nested.track(range(2), share=share)]

    assert seen == pytest.approx([0, 8.333, 16.667, 25, 50, 75], abs=0.001)
    assert told.look()[0] == 100
    assert inner == [0, 12.5, 25, 37.5, 50, 62.5, 75, 87.5]


def test_a_loop_that_goes_on_from_a_checkpoint_begins_where_it_was(told):
    """What is missing of the total was done before; the pace counts from there."""
    seen = [told.look() for _ in told.track(range(60, 100), total=100)]

    assert seen[0] == (60, {"step": 60, "of": 100, "from": 60})
    assert seen[-1][0] == 99


def test_without_a_total_there_is_a_message_and_no_percentage(told):
    """Nobody knows how far it is."""
    for _ in told.track((n for n in range(3)), message="Streaming"):
        assert told.look() == (None, {"message": "Streaming"}) or told.percentage == 0


@pytest.mark.parametrize(("items", "total"), [(range(5), 3), (iter(range(5)), 2), (range(3), 0)])
def test_a_total_that_is_too_small_ends_at_hundred_percent(told, items, total):
    """A source may grow meanwhile; what was said first is no reason to fail."""
    seen = [told.look()[0] or 0 for _ in told.track(items, total=total)]

    assert max(seen) <= 100
    assert (told.look()[0] or 0) <= 100


def test_a_loop_that_is_left_has_done_what_it_has_done(told):
    """By `break` or by an error; what comes after it goes on from there."""
    for _ in told.track(range(2)):
        for number in told.track(range(4)):
            if number == 2:
                break
        assert told.look()[0] in {25, 75}


def test_an_asynchronous_source_is_tracked_by_async_for(told):
    """With a total, since it has no length."""

    async def source():
        for number in range(4):
            yield number

    async def go():
        return [told.look()[0] async for _ in told.track(source(), total=4)]

    assert asyncio.run(go()) == [0, 25, 50, 75]


def test_a_task_says_percentage_step_and_message_each_alone_or_together(told):
    """What is left out stays; a step of so many makes the percentage."""
    told.report(message="Connecting")
    first = told.look()
    told.report(step=3, of=10)
    second = told.look()
    told.report(40, message="Halfway")

    assert first == (None, {"message": "Connecting"})
    assert second == (30, {"message": "Connecting", "step": 3, "of": 10})
    assert told.look() == (40, {"message": "Halfway", "step": 3, "of": 10})


def test_progress_may_go_back(told):
    """Who finds more to do says so."""
    told.report(80)
    told.look()
    told.report(20)

    assert told.look()[0] == 20


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"percentage": math.nan}, "The percentage of a progress is a number from 0 to 100, not nan."),
        ({"percentage": 101}, "from 0 to 100, not 101"),
        ({"percentage": True}, "not True"),
        ({"step": -1}, "The step of a progress is a number of at least 0, not -1."),
        ({"of": math.inf}, "not inf"),
        ({}, "Pass a percentage, step and of, a message, or several."),
    ],
)
def test_what_is_no_progress_is_refused(told, said, what):
    with pytest.raises(ValueError, match=what):
        told.report(**said)


@pytest.mark.parametrize("wrong", [{"total": -1}, {"total": math.nan}, {"share": 1.5}, {"share": "half"}])
def test_a_loop_with_a_wrong_total_or_share_is_refused(told, wrong):
    """At once, and not at its first step."""
    with pytest.raises(ValueError, match="of a progress is a number"):
        told.track(range(3), **wrong)


def test_a_message_that_can_not_be_sent_as_it_is_is_escaped(told):
    told.report(message="half a pair: \ud800")

    assert told.look()[1] == {"message": "half a pair: \\ud800"}


def test_a_message_that_is_no_text_is_refused(told):
    with pytest.raises(TypeError, match="The message of a progress is a text, not int: 5"):
        told.report(message=5)
