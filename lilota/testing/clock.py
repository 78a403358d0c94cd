"""A clock that stands still until a test moves it."""

from __future__ import annotations


class FakeClock:
    """Tells the time that a test sets; call it like `time.time`, or pass it wherever a clock is taken.

    >>> clock = FakeClock(1000)
    >>> clock.advance(60)
    >>> clock()
    1060.0
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now: float = float(now)

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative; clocks of lilota never go back.
        """
        if seconds < 0:
            raise ValueError(f"A clock can't go back, but advance() got {seconds!r} seconds.")
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting, in the place of `time.sleep`."""
        self.advance(seconds)
