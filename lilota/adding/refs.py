"""Name tasks to strangers: references that are signed, can't be guessed, and do not tell the id of the task."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from lilota.errors import ConfigurationError, UnknownReferenceError

if TYPE_CHECKING:
    from itsdangerous import TimestampSigner

#: Who has a key for something else too must not be able to make references by that.
_PURPOSE: Final = b"lilota.ref.1"
_NONCE_BYTES: Final = 8
_ID_BYTES: Final = 8
_IDENTITY_BYTES: Final = 12
#: A reference has 73 characters; what is longer is not looked at.
_LONGEST: Final = 200
_KEYS_WANTED: Final = (
    "References of tasks need a key: set LILOTA_REF_KEYS, or ref_keys in lilota.toml, to a random text that you keep "
    "secret, for example the output of: python -c 'import secrets; print(secrets.token_hex(32))'"
)


class References:
    """Makes references of tasks and reads them. Thread-safe.

    Args:
        keys: the first signs, and all can read: put a new one before the others, and take the oldest away later.

    Raises:
        ConfigurationError: there is no key, or itsdangerous is not installed.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigurationError(_KEYS_WANTED)
        # A key masks only what it has signed: who reads a reference tries the masks in the same order.
        self._pairs: list[tuple[TimestampSigner, bytes]] = [(_signer(key), _mask_key(key)) for key in keys]

    def of(self, task_id: int) -> str:
        """Return a reference of a task; each is another one, and two of the same task can't be told to be so."""
        signer, mask_key = self._pairs[0]
        nonce = os.urandom(_NONCE_BYTES)
        return signer.sign(_to_text(nonce + _masked(task_id.to_bytes(_ID_BYTES), nonce, mask_key))).decode()

    def identity_of(self, task_id: int) -> str:
        """Return a text of 16 characters that is the same whenever a task is named, as long as the first key is.

        By it, who has two references of a task can be told so. It opens nothing, and does not tell the id.
        """
        _, mask_key = self._pairs[0]
        digest = hmac.digest(mask_key, b"identity" + task_id.to_bytes(_ID_BYTES), "sha256")
        return _to_text(digest[:_IDENTITY_BYTES]).decode()

    def id_in(self, ref: str, max_age_seconds: float | None = None) -> int:
        """Return the id of the task that a reference names.

        Raises:
            UnknownReferenceError: none of the keys has signed it, somebody has changed it, or it is too old.
        """
        from itsdangerous import BadSignature  # noqa: PLC0415 - whoever is here has made a signer of it

        if not ref.isascii() or len(ref) > _LONGEST:
            raise UnknownReferenceError
        for signer, mask_key in self._pairs:
            with contextlib.suppress(BadSignature):
                payload, signed_at = signer.unsign(ref, return_timestamp=True)
                _check_is_as_written(signer, ref)
                _check_age(signed_at, max_age_seconds)
                return _id_in(_to_bytes(payload), mask_key)
        raise UnknownReferenceError


def _signer(key: str) -> TimestampSigner:
    try:
        from itsdangerous import TimestampSigner  # noqa: PLC0415 - few programs have references, and it is no dependency
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "References of tasks are signed by itsdangerous, which is not installed: pip install 'lilota[refs]'."
        ) from error
    return TimestampSigner(key, salt=_PURPOSE, key_derivation="hmac", digest_method=hashlib.sha256)


def _check_is_as_written(signer: TimestampSigner, ref: str) -> None:
    """Take one text for each signature: base64 passes over bits that stand for nothing, and over foreign characters."""
    signed, _, signature = ref.rpartition(".")
    if signer.get_signature(signed) != signature.encode():
        raise UnknownReferenceError


def _check_age(signed_at: datetime, max_age_seconds: float | None) -> None:
    # What comes from the future is welcome: the clocks of two hosts differ.
    if max_age_seconds is not None and (datetime.now(UTC) - signed_at).total_seconds() > max_age_seconds:
        raise UnknownReferenceError


def _id_in(payload: bytes, mask_key: bytes) -> int:
    nonce, masked = payload[:_NONCE_BYTES], payload[_NONCE_BYTES:]
    return int.from_bytes(_masked(masked, nonce, mask_key))


def _mask_key(key: str) -> bytes:
    return hmac.digest(key.encode(), _PURPOSE + b" mask", "sha256")


def _masked(id_bytes: bytes, nonce: bytes, mask_key: bytes) -> bytes:
    """Hide an id behind what only a key can make of a nonce; done twice, it is the id again."""
    mask = hmac.digest(mask_key, nonce, "sha256")
    return bytes(one ^ other for one, other in zip(id_bytes, mask[:_ID_BYTES], strict=True))


def _to_text(payload: bytes) -> bytes:
    return base64.urlsafe_b64encode(payload).rstrip(b"=")


def _to_bytes(text: bytes) -> bytes:
    return base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
