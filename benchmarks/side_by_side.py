"""Print what was measured in several rounds: each candidate, and lilota's ratio to it, round by round."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def print_comparison(title: str, values: Mapping[str, Sequence[float]], ours: str) -> None:
    """Print median, minimum and maximum of rates, and of the ratios of ours to theirs of the same round."""
    print(f"\n{title}: median (minimum to maximum)")
    for name, measured in values.items():
        ratio = "" if name == ours else f"   {ours} is {_ratios(values[ours], measured)}"
        print(f"  {name:<18} {_spread(measured, ',.0f'):<34}{ratio}")
    theirs = [measured for name, measured in values.items() if name != ours]
    if theirs:
        fastest = [max(rates) for rates in zip(*theirs, strict=True)]
        print(
            f"  {'fastest of a round':<18} {_spread(fastest, ',.0f'):<34}   {ours} is {_ratios(values[ours], fastest)}"
        )


def _ratios(mine: Sequence[float], theirs: Sequence[float]) -> str:
    ratios = [one / other for one, other in zip(mine, theirs, strict=True)]
    return f"{_spread(ratios, '.2f')} times as fast"


def _spread(numbers: Sequence[float], form: str) -> str:
    middle, low, high = (format(pick(numbers), form) for pick in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"
