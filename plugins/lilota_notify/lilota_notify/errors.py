"""What can go wrong on the way of a notification."""

from __future__ import annotations

from lilota.errors import LilotaError


class NotDeliveredError(LilotaError):
    """It did not arrive this time: nobody answered, or the answer was no. It is tried again."""


class UndeliverableError(LilotaError):
    """It will never arrive: the target is not allowed, can't be one, or wants no more of them. Nobody tries again."""


class BadSignatureError(LilotaError, ValueError):
    """A request is not from whom it says: no key has signed it, somebody has changed it, or it is too old."""
