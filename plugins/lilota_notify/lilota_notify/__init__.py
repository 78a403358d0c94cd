"""Tell by webhook or mail when a task of lilota has ended: `notify` asks for it, `verify` is for who is told."""

from __future__ import annotations

from lilota_notify.asking import notify
from lilota_notify.errors import BadSignatureError
from lilota_notify.signing import verify

__all__ = ["BadSignatureError", "notify", "verify"]
