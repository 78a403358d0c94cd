"""Rows become records of `lilota.models`, also where those know more than the tables."""

from __future__ import annotations

from lilota_django.models import LogLine, Task
from lilota_django.orm.records import LINE_FIELDS, kept_fields

from lilota.models import Claim
from lilota.models import LogLine as Line


class NewerLine(Line, frozen=True, kw_only=True):
    """A log line as a later version of lilota may have it."""

    trace: str = ""


class NewerClaim(Claim, frozen=True, kw_only=True):
    """A claim of that version."""

    trace: str = ""


def test_a_field_that_only_a_newer_lilota_knows_is_not_asked_of_the_tables():
    """The distributions are upgraded one by one; what a table does not keep has its default."""
    assert kept_fields(NewerLine, LogLine) == LINE_FIELDS == Line.__struct_fields__
    assert kept_fields(NewerClaim, Task) == Claim.__struct_fields__
