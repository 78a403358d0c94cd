"""How long tasks wait before they run again."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilota.retry import Backoff


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (10_000, 300)])
def test_waits_double_up_to_the_longest(attempt, seconds):
    """Also after very many attempts, where a power of 2 is no float any more."""
    assert Backoff(jitter=0).delay_seconds(attempt) == seconds


def test_jitter_takes_up_to_its_share_away():
    """Never more, and never adds."""
    rng = random.Random(1)
    waits = [Backoff(first_seconds=10, jitter=0.5).delay_seconds(1, rng) for _ in range(1000)]

    assert 5 <= min(waits) < 5.1
    assert 9.9 < max(waits) <= 10


def test_the_same_seed_gives_the_same_wait():
    """A simulation can be repeated."""
    waits = [Backoff().delay_seconds(3, random.Random(7)) for _ in range(2)]

    assert waits[0] == waits[1]


@given(
    st.floats(0, 1e6),
    st.floats(1, 100),
    st.floats(0, 1e6),
    st.floats(0, 1),
    st.integers(1, 2**31),
)
def test_a_wait_is_never_negative_nor_longer_than_the_longest(first, factor, longest, jitter, attempt):
    """Whatever the settings."""
    backoff = Backoff(first_seconds=first, factor=factor, max_seconds=longest, jitter=jitter)

    assert 0 <= backoff.delay_seconds(attempt) <= longest
