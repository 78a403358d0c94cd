"""The JSON Schema of a task: what its function says, for those who add it from elsewhere."""

from __future__ import annotations

import dataclasses
import enum
from pathlib import Path
from typing import Annotated

import msgspec

from lilota.models import TaskContext
from lilota.tasks.schemas import described_arguments
from lilota.tasks.secret_values import Secret
from lilota.tasks.signatures import Signature


class Format(enum.Enum):
    PNG = "png"
    JPEG = "jpeg"


@dataclasses.dataclass
class Photo:
    path: Path
    title: str = ""


def resize(
    photos: list[Photo],
    ctx: TaskContext,
    *,
    width: Annotated[int, msgspec.Meta(ge=1)] = 800,
    format: Format = Format.PNG,
    key: Secret[str] | None = None,
    tags: set[str] = frozenset(),
) -> dict[str, Path]:
    """Resize photos.

    They stay where they are.

    Args:
        photos: which; each
            is a file.
        width (int): in pixels.

    Returns:
        where: they are.
    """


def test_the_schema_says_what_the_function_says():
    """Types, defaults, constraints and the docstring; the context is no key."""
    schema = Signature.of(resize, "The task 'resize'").input_schema()

    properties = schema["properties"]
    assert schema["title"] == "resize"
    assert schema["description"] == "Resize photos."
    assert schema["required"] == ["photos"]
    assert schema["additionalProperties"] is False
    assert list(properties) == ["photos", "width", "format", "key", "tags"]
    assert properties["photos"]["description"] == "which; each is a file."
    assert properties["width"] == {"type": "integer", "minimum": 1, "default": 800, "description": "in pixels."}
    assert properties["format"]["default"] == "png"
    assert properties["tags"]["default"] == []
    assert schema["$defs"]["Photo"]["properties"]["path"] == {"type": "string", "format": "path"}


def test_a_secret_is_marked():
    """So that a form hides what is typed, and a document does not show it."""
    schema = Signature.of(resize, "The task 'resize'").input_schema()["properties"]["key"]

    assert schema["anyOf"][0] == {"type": "string", "writeOnly": True, "format": "password"}
    assert schema["default"] is None


def test_the_default_of_a_set_has_one_order():
    """That of a set is another one in each process."""

    def f(missing: frozenset[str] = frozenset({"", "NA", "nan", "null", "N/A"})) -> None: ...

    schema = Signature.of(f, "The task 'f'").input_schema()["properties"]["missing"]

    assert schema["default"] == ["", "N/A", "NA", "nan", "null"]


def test_the_default_of_a_secret_is_not_in_the_schema():
    """Somebody will write a password there."""

    def f(key: Secret[str] = Secret("hunter2")) -> None: ...  # noqa: B008 - that is the test

    assert "hunter2" not in str(Signature.of(f, "The task 'f'").input_schema())


def test_a_secret_inside_of_a_class_is_marked_too():
    """Where msgspec does not tell of what it is one."""

    def f(login: Login) -> None: ...

    f.__annotations__ = {"login": Login}

    definitions = Signature.of(f, "The task 'f'").input_schema()["$defs"]
    assert definitions["Login"]["properties"]["password"] == {"writeOnly": True, "format": "password"}


@dataclasses.dataclass
class Login:
    password: Secret[str]


@dataclasses.dataclass
class Folder:
    path: Path = Path("photos")


def test_what_msgspec_can_not_describe_is_left_open():
    """The default of a field that only lilota's hooks encode."""

    def f(folder: Folder, width: int) -> None: ...

    properties = Signature.of(f, "The task 'f'").input_schema()["properties"]
    assert properties == {"folder": {}, "width": {"type": "integer"}}


def test_the_schema_of_a_result_is_that_of_the_value():
    """Also where it is stored in an object."""

    def count() -> int: ...

    assert Signature.of(resize, "The task").output_schema()["additionalProperties"] == {
        "type": "string",
        "format": "path",
    }
    assert Signature.of(count, "The task").output_schema() == {"type": "integer"}


def test_only_what_stands_below_args_describes_arguments():
    """Not what is returned or raised."""
    text = "Do.\n\nArgs:\n    a: first.\n    b: second,\n        with: a colon\n\nReturns:\n    c: third."

    assert described_arguments(text) == {"a": "first.", "b": "second, with: a colon"}
    assert described_arguments("Do.") == {}
