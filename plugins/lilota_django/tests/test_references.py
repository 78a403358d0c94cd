"""References of tasks in a project are signed with the key with which Django signs."""

from __future__ import annotations

import pytest
from django.test import override_settings
from lilota_django.client import get_client
from lilota_django.conf import project_settings

from lilota.errors import UnknownReferenceError


def test_a_project_needs_no_other_key(sqlite):
    """SECRET_KEY signs, however short, and what it has signed is found again."""
    ref = get_client().handle(5).ref

    assert get_client().by_ref(ref).id == 5


def test_a_key_that_was_changed_still_reads(sqlite):
    """As Django's own signatures do."""
    ref = get_client().handle(5).ref

    with override_settings(SECRET_KEY="the next one", SECRET_KEY_FALLBACKS=["only for tests"]):
        assert get_client().by_ref(ref).id == 5
    with override_settings(SECRET_KEY="the next one"), pytest.raises(UnknownReferenceError):
        get_client().by_ref(ref)


def test_keys_of_lilota_come_first():
    """For a project that shares its tasks with other programs."""
    with override_settings(LILOTA={"REF_KEYS": ["one that others know too"]}):
        assert project_settings().ref_keys == ("one that others know too",)


def test_a_project_without_a_key_can_do_all_else():
    """Commands of Django run without one, as when an image is built."""
    with override_settings(SECRET_KEY=""):
        assert project_settings().ref_keys == ()
