"""Any text and any instant comes back as it was, whatever the database and the settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st
from lilota_django.fields import escaped, to_instant, unescaped
from lilota_django.models import Task

from lilota.contract import to_microseconds
from lilota.models import NewTask

PICTURE = "\u2400"


@given(st.text(alphabet=st.sampled_from(["\0", PICTURE, "0", "a"])))
@example("\0")
@example(f"{PICTURE}0")
@example(f"{PICTURE}\0{PICTURE}{PICTURE}0")
def test_escaping_is_undone_exactly(text):
    """Whatever stands beside each other."""
    assert "\0" not in escaped(text)
    assert unescaped(escaped(text)) == text


@given(st.text(alphabet=st.sampled_from(["\0", PICTURE, "0", "a"])), st.text(alphabet=[PICTURE, "\0", "0"]))
def test_different_texts_stay_different(one, other):
    """Or a unique name would not be one."""
    assert (escaped(one) == escaped(other)) == (one == other)


SECOND_DAY = datetime.min + timedelta(days=1)  # noqa: DTZ901 - bounds are without a zone
AHEAD = timezone(timedelta(hours=5, minutes=30))


@given(st.datetimes(min_value=SECOND_DAY, timezones=st.sampled_from([UTC, AHEAD])))
def test_instants_are_exact(instant):
    """To the microsecond, in any year that Python knows."""
    assert to_instant(to_microseconds(instant)) == instant


def test_an_instant_before_the_first_year_of_utc_is_read_as_its_beginning():
    """There are such instants in zones that are ahead."""
    assert to_instant(to_microseconds(datetime(1, 1, 1, tzinfo=AHEAD))) == datetime(1, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("use_tz", [True, False])
def test_instants_do_not_depend_on_the_settings(everywhere, use_tz):
    """Not even those in the hour that comes twice in autumn, in the project's time zone."""
    twice = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]

    with override_settings(USE_TZ=use_tz):
        ids = everywhere.add([NewTask(name="task", run_at=run_at) for run_at in twice])
        read = [everywhere.get(task_id).run_at for task_id in ids]

    assert read == twice


def test_instants_can_be_asked_for_as_datetimes(store):
    """In the admin, say, and in reports."""
    early, late = (datetime(year, 1, 1, tzinfo=UTC) for year in (2030, 2040))
    ids = store.add([NewTask(name="task", run_at=run_at) for run_at in (early, late)])

    found = Task.objects.filter(run_at__gt=early + timedelta(days=1))

    assert [(task.pk, task.run_at) for task in found] == [(ids[1], late)]
