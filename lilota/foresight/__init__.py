"""Foresee when tasks start and end: from how long others of their name took, and from what is in line before them."""

from __future__ import annotations

from lilota.foresight.estimator import Estimator
from lilota.models import Estimate

__all__ = ["Estimate", "Estimator"]
