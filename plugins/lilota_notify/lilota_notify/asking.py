"""How a task asks that somebody is told of its end: by one header, which travels with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from lilota.errors import InvalidInputError
from lilota.models import JSONObject
from lilota_notify.targets import target_of

HEADER: Final = "notify"
#: The names of the tasks that deliver; nobody is ever told of these.
POST: Final = "lilota_notify.post"
MAIL: Final = "lilota_notify.mail"

EndState = Literal["succeeded", "failed", "cancelled"]


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is to be told, and of which ends.

    Attributes:
        to: `https://` or `mailto:` URLs.
        states: the ends that are told.
        output: tell the output, too, where it is no longer than 64 KiB.
    """

    to: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=10)]
    states: tuple[EndState, ...] = ("succeeded", "failed", "cancelled")
    output: bool = False


def notify(*to: str, states: Iterable[EndState] | None = None, output: bool = False) -> JSONObject:
    """Return the headers by which a task asks that somebody is told of its end.

        client.add("make_report", headers=notify("mailto:ann@example.com", states=["failed"]))

    Args:
        to: up to ten URLs: of webhooks, `https://`, or of mailboxes, `mailto:`. The operator says which may be told.
        states: "succeeded", "failed", "cancelled"; None means all.
        output: tell the output, too, where it is no longer than 64 KiB. The input is never told.

    Raises:
        InvalidInputError: one of them can't be used.
    """
    wish: JSONObject = {"to": list(to), "output": output}
    if states is not None:
        wish["states"] = list(states)
    return {HEADER: json.loads(msgspec.json.encode(wish_of(wish)))}


def wish_of(value: Any) -> Wish:  # noqa: ANN401 - any JSON value
    """Return what a header says: one URL, a list of them, or what `notify` makes.

    Raises:
        InvalidInputError: it says nothing that can be done.
    """
    listed = [value] if isinstance(value, str) else value
    try:
        wish = msgspec.convert({"to": listed} if isinstance(listed, list) else listed, Wish)
    except msgspec.ValidationError as error:
        raise InvalidInputError(f"The header {HEADER!r} of a task can't be used: {error}.") from None
    for target in wish.to:
        target_of(target)
    return wish


def asks(name: str, headers_json: str | None) -> bool:
    """Tell whether a task may ask for it, at a glance; its headers are not decoded. One that delivers never does."""
    return headers_json is not None and f'"{HEADER}"' in headers_json and not is_delivery(name)


def wish_in(headers: JSONObject) -> Wish | None:
    """Return what a task asks for by its headers, or None.

    Raises:
        InvalidInputError: what it asks for can't be done.
    """
    value = headers.get(HEADER)
    return None if value is None else wish_of(value)


def is_delivery(name: str) -> bool:
    """Tell whether a task of this name tells of the end of another."""
    return name in {POST, MAIL}
