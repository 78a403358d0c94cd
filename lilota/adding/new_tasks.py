"""Check what a caller wants to add, and turn it into the record that a store takes. Nothing is half added."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

import msgspec

from lilota.contract.rules import check_owner, check_queue
from lilota.errors import LONGEST_SECONDS, InvalidInputError
from lilota.models import OWN_HEADERS, SECRETS_HEADER, JSONObject, NewTask, TaskBase
from lilota.registry import Registry
from lilota.tasks.functions import BoundTask
from lilota.tasks.jsonvalues import HEADERS_LIMIT_BYTES, INPUT_LIMIT_BYTES, encode_object
from lilota.tasks.names import TEXT_LIMIT
from lilota.tasks.numbers import is_number, is_whole
from lilota.tasks.options import hint_for
from lilota.tasks.runs import signature_of

if TYPE_CHECKING:
    from lilota.tasks.signatures import Signature
    from lilota.tasks.terms import Terms

_INTEGER_LIMIT: Final = 2**31
_checked_queue: Final = lru_cache(maxsize=256)(check_queue)  # an application has few queues and adds many tasks


class AddOptions(TypedDict, total=False):
    """The options of `add`, all of them optional.

    Attributes:
        run_at: not before this instant (an aware datetime).
        delay_seconds: not before this much from now.
        priority: higher runs first; 0 is normal.
        queue: runners may serve some queues only; "default" is normal.
        max_lost_attempts: how many attempts may die with their worker; 1 means at most once. Without, the class
            attribute counts if the class is registered here, else 3.
        headers: what travels with the task for whoever reads it (`task_info.headers`): a trace, a label. A JSON object
            of at most 16 KiB; keys that begin with "lilota." are taken.
        expires_at: the instant (an aware datetime) by which it has to start; else it is cancelled.
        expires_after_seconds: the same, counted from when it is due. Without both, what the class says.
        deadline_seconds: how long all its attempts may take together, from when it is due; then it fails. Without, what
            the class says.
        keep_input: False forgets the input when the task has ended. Without, what the class says.
        version: only workers whose class has this version, or a higher one, run it: a whole number, or several with
            dots between them. Without, that of the class.
        owner: whose task it is, in the words of the application ("user-17"): 1 to 200 printable characters. Tasks are
            found and counted by it, and nothing is decided by it.
    """

    run_at: datetime | None
    delay_seconds: float
    priority: int
    queue: str
    max_lost_attempts: int | None
    headers: JSONObject | None
    expires_at: datetime | None
    expires_after_seconds: float | None
    deadline_seconds: float | None
    keep_input: bool | None
    version: int | str | None
    owner: str | None


_OWN_KEY: Final = f'"{OWN_HEADERS}'
#: The options that are terms of the task; all but the first can be said by its class, too.
TERMS: Final = ("expires_at", "expires_after_seconds", "deadline_seconds", "keep_input", "version")
_ARGUMENTS: Final = ("name", "description", "input", *AddOptions.__annotations__)


def new_task(
    registry: Registry,
    name: str,
    description: str = "",
    input: JSONObject | BoundTask[Any] | None = None,
    **options: Unpack[AddOptions],
) -> NewTask:
    """Return the record of a task.

    Args:
        input: an object, or a call of a function, which has been checked.

    Raises:
        InvalidInputError: an argument can't be used; the message names it.
        TypeError: there is no option of that name.
    """
    # What was not given needs no check: the defaults of the record are valid.
    task_class = input.task.task_class if isinstance(input, BoundTask) else registry.imported_class(name)
    signature, of_class = _said_by(task_class)
    text = _checked_description(description) if description != "" else task_class.description
    input_json = input.input_json if isinstance(input, BoundTask) else _input_json(name, input, signature)
    lost = task_class.max_lost_attempts
    secrets = () if signature is None else signature.secrets
    if not options and not secrets and of_class is None:
        return NewTask(
            name=name,
            description=text,
            input_json=input_json,
            queue=task_class.queue,
            priority=task_class.priority,
            max_lost_attempts=lost,
        )
    fields: dict[str, Any] = {
        "name": name,
        "description": text,
        "input_json": input_json,
        "queue": task_class.queue,
        "priority": task_class.priority,
        "max_lost_attempts": lost,
    }
    given = {name: value for name, value in options.items() if name in TERMS}
    _add_options(fields, {name: value for name, value in options.items() if name not in TERMS} if given else options)
    own: JSONObject = {SECRETS_HEADER: list(secrets)} if secrets else {}
    if given or of_class is not None:
        from lilota.adding.terms import checked_terms  # noqa: PLC0415 - start-up stays quick

        delay_seconds = fields.get("delay_seconds", 0.0)
        own |= checked_terms(of_class, given, fields.get("run_at"), delay_seconds).headers()
    if own:
        fields["headers_json"] = _encoded_headers(own | (options.get("headers") or {}))
    return NewTask(**fields)


@lru_cache(maxsize=1024)
def _said_by(task_class: type[TaskBase]) -> tuple[Signature | None, Terms | None]:
    """Return what `run` of a class takes, and the terms of its tasks: one look for both, as each task needs them."""
    signature = signature_of(task_class)
    if all(getattr(task_class, name) == getattr(TaskBase, name) for name in TERMS[1:]):
        return signature, None
    from lilota.adding.terms import terms_of_class  # noqa: PLC0415 - as above

    return signature, terms_of_class(task_class)


def _input_json(name: str, value: JSONObject | None, signature: Signature | None) -> str:
    if signature is not None:
        return signature.encode_input({} if value is None else value, lambda: f"The input of {name!r}")
    if value is None:
        return "{}"
    return encode_object(value, lambda: f"The input of {name!r}", INPUT_LIMIT_BYTES, InvalidInputError)


def _add_options(fields: dict[str, Any], options: Mapping[str, Any]) -> None:
    """Check the options that were given, and add them to the fields of the record."""
    for option, value in options.items():  # mostly it is one: to ask for each of them takes longer
        match option:
            case "run_at" | "max_lost_attempts" | "headers" | "owner" if value is None:
                pass  # the same as not to give it
            case "headers":
                fields["headers_json"] = headers_json(value)
            case "queue":
                fields["queue"] = _checked_queue(_checked_text("queue", value))
            case "priority":
                fields["priority"] = _checked_integer("priority", value, -_INTEGER_LIMIT)
            case "delay_seconds":
                fields["delay_seconds"] = _checked_delay(value)
            case "run_at":
                fields["run_at"] = checked_instant("run_at", value)
            case "max_lost_attempts":
                fields["max_lost_attempts"] = _checked_integer("max_lost_attempts", value, 1)
            case "owner":
                fields["owner"] = check_owner(value)
            case _:
                raise TypeError(_no_such_argument(option))
    _check_due(fields)


def _check_due(fields: Mapping[str, Any]) -> None:
    """Make sure that only one of them says when it is due."""
    if "run_at" in fields and fields.get("delay_seconds"):
        raise InvalidInputError("Give run_at or delay_seconds, not both.")


def headers_json(headers: JSONObject | None) -> str | None:
    """Return headers as they travel; None where there are none.

    Raises:
        InvalidInputError: they can't be stored, or have a key that is lilota's own.
    """
    if not headers and isinstance(headers, dict | None):
        return None
    text = _encoded_headers(headers)
    # Looking for it in the text is quicker than looking at each key; a value may begin like that.
    taken = [key for key in headers or () if key.startswith(OWN_HEADERS)] if _OWN_KEY in text else None
    if taken:
        raise InvalidInputError(
            f"The header {taken[0]!r} can't be set: keys that begin with 'lilota.' are lilota's own."
        )
    return text


def with_headers(task: NewTask, more: object) -> NewTask:
    """Return a task with more headers, in place of those of the same keys.

    Raises:
        InvalidInputError: they can't be stored, or have a key that is lilota's own.
    """
    if not isinstance(more, Mapping):
        raise InvalidInputError(f"The headers of a task must be a dict, not {type(more).__name__}: {more!r:.100}")
    if headers_json(dict(more)) is None:
        return task
    headers = json.loads(task.headers_json or "{}") | more
    return msgspec.structs.replace(task, headers_json=_encoded_headers(headers))


def _encoded_headers(headers: JSONObject | None) -> str:
    return encode_object(headers, lambda: "The headers of a task", HEADERS_LIMIT_BYTES, InvalidInputError)


def checked_arguments(task: Mapping[str, Any] | BoundTask[Any]) -> Mapping[str, Any]:
    """Return the arguments of one task of `add_many`, or raise InvalidInputError if they are not those of `add`."""
    if isinstance(task, BoundTask):
        return {"name": task}
    if not isinstance(task, Mapping):
        raise InvalidInputError(
            f"add_many: each task is a dict of the arguments of add(), not {type(task).__name__}: {task!r:.100}. "
            'Write add_many([{"name": "...", "input": {...}}]).'
        )
    for key in task:
        if key not in _ARGUMENTS:
            raise InvalidInputError(f"add_many: {_no_such_argument(key)}")
    if "name" not in task:
        raise InvalidInputError(f"add_many: the task {dict(task)!r:.200} has no 'name'.")
    return task


def _no_such_argument(name: object) -> str:
    hint = hint_for(name, _ARGUMENTS) if isinstance(name, str) else ""
    return f"{name!r:.100} is not an argument of add().{hint} Known: {', '.join(_ARGUMENTS)}."


def _checked_description(description: str) -> str:
    if isinstance(description, dict):
        raise InvalidInputError(
            "The description of a task must be text, not dict. Did you mean input=? "
            "The second argument of add() is the description, and the third is the input."
        )
    return _checked_text("description", description)


def _checked_text(what: str, text: str) -> str:
    if not isinstance(text, str):
        raise InvalidInputError(f"The {what} of a task must be text, not {type(text).__name__}.")
    if len(text) > TEXT_LIMIT:
        raise InvalidInputError(f"The {what} has {len(text):,} characters; the limit is {TEXT_LIMIT:,}.")
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"The {what} is not valid Unicode: {error}") from None
    return text


def _checked_integer(what: str, value: int, least: int) -> int:
    if not is_whole(value) or not least <= value < _INTEGER_LIMIT:
        raise InvalidInputError(f"{what} must be a whole number from {least} to {_INTEGER_LIMIT - 1}, not {value!r}.")
    return value


def _checked_delay(delay_seconds: float) -> float:
    if not is_number(delay_seconds):
        raise InvalidInputError(f"delay_seconds must be a number, not {delay_seconds!r}.")
    if not 0 <= delay_seconds <= LONGEST_SECONDS:
        raise InvalidInputError(f"delay_seconds must be between 0 and a hundred years, not {delay_seconds!r}.")
    return float(delay_seconds)


def checked_instant(what: str, instant: object) -> datetime:
    """Return an aware instant in UTC, or raise InvalidInputError."""
    # A time zone may know no offset: then Python would take the local one.
    if not isinstance(instant, datetime) or instant.utcoffset() is None:
        raise InvalidInputError(
            f"{what} must be a datetime with a time zone, not {instant!r}. Add tzinfo, as datetime.UTC."
        )
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(
            f"{what} must be from the year 1 to the year 9999 in UTC, too; {instant.isoformat()} is not. "
            "Take an instant that is a day away from these ends."
        ) from None
