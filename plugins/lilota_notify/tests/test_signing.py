"""A webhook is signed so that its receiver can tell whom it is from, with the library of the specification or ours."""

from __future__ import annotations

import json
import time

import pytest
from lilota_notify import BadSignatureError, verify
from lilota_notify.signing import signed_headers
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from lilota.errors import ConfigurationError

BODY = b'{"test": 2432232314}'


def test_the_example_of_the_specification_is_signed_as_there(key):
    headers = signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", BODY, [key], now=1614265330)

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_the_library_of_the_specification_believes_it(key, old_key):
    """With the new key, and with the old one, while both sign."""
    headers = signed_headers("id-1", BODY, [key, old_key])

    assert Webhook(key).verify(BODY, headers) == Webhook(old_key).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(key).verify(BODY + b" ", headers)


def test_what_is_signed_is_verified_whatever_the_case_of_headers(key, old_key):
    headers = {name.title(): value for name, value in signed_headers("id-1", BODY, [key]).items()}

    assert verify(BODY, headers, key) == verify(BODY, headers, [old_key, key]) == json.loads(BODY)


def test_a_receiver_with_the_old_key_believes_while_both_sign(key, old_key):
    headers = signed_headers("id-1", BODY, [key, old_key])

    assert verify(BODY, headers, old_key)


@pytest.mark.parametrize("change", ["body", "webhook-id", "webhook-timestamp", "webhook-signature", "key", "version"])
def test_what_was_changed_is_refused(change, key, old_key):
    headers = signed_headers("id-1", BODY, [key])
    body = BODY.replace(b"3", b"4") if change == "body" else BODY
    if change == "webhook-timestamp":
        headers[change] = str(int(headers[change]) - 1)
    elif change in headers:
        headers[change] = signed_headers("id-2", BODY, [key])[change]
    elif change == "version":
        headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")

    with pytest.raises(BadSignatureError, match="None of the keys"):
        verify(body, headers, old_key if change == "key" else key)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_what_was_sent_too_long_ago_or_ahead_is_refused(seconds, key):
    headers = signed_headers("id-1", BODY, [key], now=time.time() + seconds + (10 if seconds > 0 else 0))

    with pytest.raises(BadSignatureError, match="more than 300 s ago"):
        verify(BODY, headers, key)


@pytest.mark.parametrize("sent_at", ["", "now", "-1", "1e9", "٣", "9" * 5000])
def test_an_instant_that_is_none_is_refused(sent_at, key):
    with pytest.raises(BadSignatureError, match="no signed webhook"):
        verify(BODY, {"webhook-id": "1", "webhook-timestamp": sent_at, "webhook-signature": "v1,x"}, key)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-signature"])
def test_headers_that_are_no_ascii_are_refused(name, key):
    """A framework may hand them on as half of a character."""
    headers = signed_headers("id-1", BODY, [key]) | {name: "v1,\udce9"}

    with pytest.raises(BadSignatureError):
        verify(BODY, headers, key)


def test_a_request_without_headers_is_refused(key):
    with pytest.raises(BadSignatureError):
        verify(BODY, {}, key)


@pytest.mark.parametrize("bad", ["hunter2", "whsec_é", "whsec_aHVudGVyMg==", ""])
def test_a_key_that_can_not_be_one_is_not_repeated(bad):
    with pytest.raises(ConfigurationError, match="Make one by") as raised:
        signed_headers("id-1", BODY, [bad])

    assert not bad or bad not in str(raised.value)
