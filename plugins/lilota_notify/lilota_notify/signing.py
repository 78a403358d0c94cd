"""Sign a webhook, and verify one that came in, as the specification of Standard Webhooks says."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lilota.errors import ConfigurationError
from lilota.models import JSONObject
from lilota_notify.errors import BadSignatureError

_PREFIX: Final = "whsec_"
_VERSION: Final = "v1"
#: As the specification wants it: what is shorter can be tried out, and longer is of no use.
_KEY_BYTES: Final = range(24, 65)
_HOW_TO_MAKE_ONE: Final = (
    "Make one by: python -c \"import base64, secrets; print('whsec_' + "
    'base64.b64encode(secrets.token_bytes(32)).decode())"'
)


def signed_headers(message_id: str, body: bytes, keys: Sequence[str], now: float | None = None) -> dict[str, str]:
    """Return the headers of a request with this body, with a signature by each of the keys.

    Args:
        message_id: names the message; the same each time that it is sent.
        now: seconds since the epoch; None takes the clock.

    Raises:
        ConfigurationError: a key can't be one.
    """
    sent_at = str(int(time.time() if now is None else now))
    signatures = [f"{_VERSION},{_signature(key, message_id, sent_at, body)}" for key in keys]
    return {"webhook-id": message_id, "webhook-timestamp": sent_at, "webhook-signature": " ".join(signatures)}


def verify(
    body: bytes, headers: Mapping[str, str], keys: str | Iterable[str], *, tolerance_seconds: float = 300
) -> JSONObject:
    """Return the event that a request carries, if one of the keys has signed it: for who receives webhooks.

    Args:
        body: the body of the request, to the byte; not what a framework has made of it.
        headers: those of the request, in whatever case.
        keys: the key, or several of which one is enough: the new one and the old one, while keys are replaced.
        tolerance_seconds: how old, or how early by the sender's clock, the request may be. Remember the `webhook-id` of
            what you have dealt with for at least as long as the sender tries: the same message may come twice.

    Raises:
        BadSignatureError: it is not to be believed. Answer with 401, and do nothing.
        ConfigurationError: a key can't be one.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at, signatures = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    _check_age(sent_at, tolerance_seconds)
    if not (message_id + signatures).isascii():
        raise BadSignatureError("The request has headers that no signed webhook has.")
    parts = [part.partition(",") for part in signatures.split()]
    offered = [value for version, _, value in parts if version == _VERSION]
    wanted = [_signature(key, message_id, sent_at, body) for key in ([keys] if isinstance(keys, str) else keys)]
    if not any(hmac.compare_digest(one, other) for one in offered for other in wanted):
        raise BadSignatureError("None of the keys has signed this request, or somebody has changed it.")
    event: JSONObject = json.loads(body)
    return event


def check_key(key: str) -> None:
    """Make sure that a text can sign.

    Raises:
        ConfigurationError: it can't; the message does not repeat it.
    """
    _secret(key)


def _signature(key: str, message_id: str, sent_at: str, body: bytes) -> str:
    digest = hmac.digest(_secret(key), b".".join((message_id.encode(), sent_at.encode(), body)), "sha256")
    return base64.b64encode(digest).decode()


def _secret(key: str) -> bytes:
    try:
        secret = base64.b64decode(key.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(f"A key of webhooks is no base64. {_HOW_TO_MAKE_ONE}") from None
    if len(secret) not in _KEY_BYTES:
        raise ConfigurationError(
            f"A key of webhooks has {len(secret)} bytes; it must have 24 to 64. {_HOW_TO_MAKE_ONE}"
        )
    return secret


def _check_age(sent_at: str, tolerance_seconds: float) -> None:
    if not (sent_at.isascii() and sent_at.isdigit() and len(sent_at) < 16):
        raise BadSignatureError("The request does not say when it was sent: it is no signed webhook.")
    if abs(time.time() - int(sent_at)) > tolerance_seconds:
        raise BadSignatureError(
            f"The request was sent more than {tolerance_seconds:g} s ago, or one of the clocks is wrong."
        )
