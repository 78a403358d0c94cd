"""What a function takes and gives: its parameters as the input, checked where it is added, decoded where it runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import sys
import typing
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypedDict
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilota.errors import InvalidInputError
from lilota.models import TaskBase, TaskContext
from lilota.tasks.secret_values import Secret
from lilota.tasks.signatures import Signature


@dataclasses.dataclass
class Line:
    name: str
    price: decimal.Decimal = decimal.Decimal(1)
    below: list[Line] = dataclasses.field(default_factory=list)


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Size(NamedTuple):
    width: int
    where: Path


class Options(TypedDict, total=False):
    depth: int
    at: dt.datetime


@dataclasses.dataclass
class Picky:
    name: str

    def __post_init__(self) -> None:
        {}[self.name]


class Color(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class Paint(msgspec.Struct):
    color: Color


class Spot(NamedTuple):
    x: int
    color: Color


Many = enum.IntEnum("Many", {f"N{number}": number for number in range(15)})


def what() -> str:
    return "The input of 'f'"


def signature_of(annotation: Any) -> Signature:
    """The signature of a function with one parameter, `value`."""

    def f(value): ...

    f.__annotations__ = {"value": annotation}
    return Signature.of(f, "The task 'f'")


def arrived(signature: Signature, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the function is called with in the worker."""
    args, kwargs = signature.decode_input(signature.encode_input(arguments, what))
    assert not args
    return kwargs


def misfit(function: Callable[..., Any], text: str) -> str:
    """What is said where an input does not fit the function that is there when it runs."""
    signature = Signature.of(function, "The task 'f'")
    with pytest.raises(msgspec.MsgspecError) as caught:
        signature.decode_input(text)
    return str(signature.misfit(text, caught.value, what()))


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, "a ☃"),
        (int, 2**70),
        (float, 1.5),
        (bool, True),
        (bytes, b"\x00\xff"),
        (dt.datetime, dt.datetime(2026, 3, 1, 12, 30, 5, 7, tzinfo=dt.UTC)),
        (dt.datetime, dt.datetime(2026, 3, 1)),  # noqa: DTZ001 - naive on purpose
        (dt.date, dt.date(2026, 3, 1)),
        (dt.time, dt.time(12, 30)),
        (dt.timedelta, dt.timedelta(days=-1, microseconds=5)),
        (uuid.UUID, uuid.UUID(int=7)),
        (decimal.Decimal, decimal.Decimal("1.20")),
        (Path, Path("photos/a.jpg")),
        (Path | None, None),
        (set[int], {1, 2}),
        (frozenset[Path], frozenset({Path("a")})),
        (tuple[int, str], (1, "a")),
        (dict[int, list[Path]], {1: [Path("a")]}),
        (dict[Path, int], {Path("a"): 1}),
        (dict[uuid.UUID, Secret[int]], {uuid.UUID(int=1): Secret(4)}),
        (Color, Color.RED),
        (Level, Level.HIGH),
        (Literal["a", 3], 3),
        (int | str | None, "a"),
        (Line | int, Line("a", decimal.Decimal("2.5"), [Line("b")])),
        (Point, Point(1, 2)),
        (Size, Size(1, Path("a"))),
        (Options, {"depth": 1, "at": dt.datetime(2026, 3, 1, tzinfo=dt.UTC)}),
        (typing.NewType("Name", str), "a"),
        (Annotated[int, msgspec.Meta(gt=0)], 5),
        (Secret[str], Secret("hunter2")),
        (Secret[Line] | None, Secret(Line("a"))),
        (Any, {"a": [1, None, {"b": 1.5}]}),
    ],
)
def test_a_value_arrives_as_it_was_given(annotation, value):
    """Not only equal: a tuple is no list."""
    signature = signature_of(annotation)

    came = arrived(signature, {"value": value})["value"]

    assert came == value
    assert type(came) is type(value)


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (uuid.UUID, "x", "`$.value`: Invalid UUID, got 'x'."),
        (int, "5", "`$.value`: Expected `int`, got '5'."),
        (int, decimal.Decimal(5), "`$.value`: Expected `int`, got `Decimal`."),
        (list[Line], [{"name": 1}], "`$.value[0].name`: Expected `str`, got 1."),
        (list[Line], [{"name": "a", "prise": 1}], "`$.value[0]`: Line has no field 'prise'."),
        (Annotated[int, msgspec.Meta(gt=0)], 0, "`$.value`: Expected `int` >= 1, got 0."),
        (Color, "blue", "`$.value`: Expected 'red', got 'blue'."),
        (Literal["pdf", "html"], "htlm", "`$.value`: Expected one of 'html', 'pdf', got 'htlm'. Did you mean 'html'?"),
        (Level | None, 4, "`$.value`: Expected 3, got 4."),
        (list[dict[str, Color]], [{"a": "rd"}], "`$.value[0][...]`: Expected 'red', got `rd`."),
        (dict[Color, int], {"rd": 1}, "a key of `$.value`: Expected 'red', got `rd`. Did you mean 'red'?"),
        (list[dict[int, int]], [{"rd": 1}], "a key of `$.value[0]`: Expected `int`, got `str`."),
        (Spot, [1, "blue"], "`$.value[1]`: Expected 'red', got 'blue'."),
        (tuple[int, Literal["a"]], (1, "b"), "`$.value[1]`: Expected 'a', got 'b'."),
        (list[Paint], [{"color": "redd"}], "`$.value[0].color`: Expected 'red', got 'redd'. Did you mean 'red'?"),
        (Many, 15, "`$.value`: Expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 others, got 15."),
        (Path, 5, "`$.value`: Expected `str`, got 5."),
        (Secret[int], "hunter2", "`$.value`: what was given is not what its Secret takes."),
        (str, dt.date(2026, 3, 1), "`$.value`: `date` was given, and comes back as `str`."),
        (float | None, float("nan"), "`$.value`: JSON has no number nan. Take None instead, annotated `float | None`."),
        (Any, [{1, 2}], "`$.value[0]`: `set` was given, and comes back as `list`."),
        (Any, {1: 2}, "`$.value`: a key that is `int` comes back as text."),
        (Any, {(1, 2): "x"}, "`$.value`: a key that is (1, 2) can't travel as JSON. Take a text, or a list of pairs."),
        (Any, {None: "x"}, "`$.value`: a key that is None can't travel as JSON."),
        (float, float("nan"), "`$.value`: JSON has no number nan. Take None instead, annotated `float | None`."),
        (dict[str, float], {"a": 1.5, "b": float("inf")}, "`$.value.b`: JSON has no number inf. Take None"),
        (dict[str, list[float]], {"a": [1.0, float("nan")]}, "`$.value.a[1]`: JSON has no number nan."),
        (Picky, {"name": "x"}, "`$`: KeyError: 'x'."),
        (Any, [object()], "`$.value[0]`: a value of type object can't travel as JSON."),
        (str, "\ud800", "`$.value`: a text holds half of a surrogate pair."),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(annotation, value, problem):
    """The message says what was expected and what was given, and it is no error of msgspec's."""
    with pytest.raises(InvalidInputError) as caught:
        signature_of(annotation).encode_input({"value": value}, what)

    assert str(caught.value).startswith(f"The input of 'f' does not fit f(): {problem}")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_an_instant_in_the_hour_that_clocks_repeat_is_taken():
    """It has its offset; but Python finds it unequal to the same instant in another time zone."""
    at = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    came = arrived(signature_of(dt.datetime), {"value": at})["value"]

    assert came != at
    assert came.isoformat() == at.isoformat()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers() | st.dates(), inner) | st.tuples(inner)
    ),
    max_leaves=8,
)


@given(values)
def test_what_can_not_come_back_is_refused(value):
    """Nothing is changed silently where any JSON may stand."""
    with suppress(InvalidInputError):
        came = arrived(signature_of(Any), {"value": value})["value"]
        assert came == json.loads(json.dumps(value))


def test_what_json_carries_of_a_value_is_taken_too():
    """So another program, or the command line, can add the task by its name."""
    assert arrived(signature_of(uuid.UUID), {"value": str(uuid.UUID(int=7))}) == {"value": uuid.UUID(int=7)}
    assert arrived(signature_of(Secret[str]), {"value": "hunter2"}) == {"value": Secret("hunter2")}
    assert arrived(signature_of(Secret[list[uuid.UUID]]), {"value": [str(uuid.UUID(int=7))]}) == {
        "value": Secret([uuid.UUID(int=7)])
    }
    assert arrived(signature_of(Secret[Line]), {"value": {"name": "a"}}) == {"value": Secret(Line("a"))}


def test_what_does_not_fit_below_the_top_is_found_too():
    """A key that a TypedDict has not would be dropped without a word."""
    with pytest.raises(InvalidInputError, match=r"`\$\.value`: there is no key 'dept'"):
        signature_of(Options).encode_input({"value": {"dept": 1}}, what)
    with pytest.raises(InvalidInputError, match=r"`\$\.value`: Point has no field 'yy'. Did you mean 'y'\?"):
        signature_of(Point).encode_input({"value": {"x": 1, "yy": 1}}, what)
    with pytest.raises(InvalidInputError, match=r"`\$\.value\.name`: `date` was given"):
        signature_of(Line).encode_input({"value": {"name": dt.date(2026, 3, 1)}}, what)


def test_a_context_is_known_where_annotations_are_read_late():
    """As they are from Python 3.14 on, without any import from `__future__`."""
    space: dict[str, Any] = {"__name__": "elsewhere"}
    source = (
        "def f(month: str, ctx: TaskContext): ..."
        if sys.version_info >= (3, 14)
        else "def f(month, ctx: 'TaskContext'): ..."
    )
    exec(compile(source, "elsewhere.py", "exec", dont_inherit=True), space)

    assert Signature.of(space["f"], "The task 'f'").context == "ctx"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"photo": "a", "widht": 5}, "it has no parameter 'widht'. Did you mean 'width'? It takes 'photo', 'width'"),
        ({"width": 5}, "the parameter 'photo' is missing. It takes 'photo', 'width' (may be left out)."),
        ({"photo": "a", 5: 5}, "it has no parameter 5. It takes"),
    ],
)
def test_an_unknown_and_a_missing_key_are_named(arguments, problem):
    """With what there is, and what was probably meant."""

    def resize(photo: str, width: int = 800) -> None: ...

    with pytest.raises(InvalidInputError) as caught:
        Signature.of(resize, "The task 'resize'").encode_input(arguments, what)

    assert str(caught.value).startswith(f"The input of 'f' does not fit resize(): {problem}")


def test_what_is_no_object_is_refused_as_for_any_task():
    """The sentence is the one that everybody gets."""
    with pytest.raises(InvalidInputError, match=r"must be a JSON object \(a dict\), not list"):
        signature_of(int).encode_input([1], what)


def test_the_limits_of_inputs_hold():
    """Depth and size, as without types."""
    deep: Any = 1
    for _ in range(150):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(InvalidInputError, match="more than 100 levels of nesting"):
        signature_of(Any).encode_input({"value": deep}, what)
    with pytest.raises(InvalidInputError, match="nested too deeply, or holds itself"):
        signature_of(Any).encode_input({"value": circle}, what)
    with pytest.raises(InvalidInputError, match="the limit is 16,777,216"):
        signature_of(str).encode_input({"value": "x" * 2**24}, what)


def test_a_default_may_be_left_out_and_is_new_each_time():
    """A task that changes its list does not change it for the next one."""

    def f(names: list[str] = ["a"], where: Path = Path("x")) -> None: ...  # noqa: B006 - that is the test

    signature = Signature.of(f, "The task 'f'")

    assert signature.encode_input({}, what) == "{}"
    arrived(signature, {})["names"].append("b")
    assert arrived(signature, {}) == {"names": ["a"], "where": Path("x")}


def test_none_as_a_default_may_be_given_too():
    """`width: int = None` is written everywhere."""

    def f(width: int = None) -> None: ...  # noqa: RUF013 - that is the test

    assert arrived(Signature.of(f, "The task 'f'"), {"width": None}) == {"width": None}


def test_a_parameter_without_annotation_takes_any_json():
    """As the input of a task without types does."""

    def f(a, b=2): ...

    signature = Signature.of(f, "The task 'f'")

    assert arrived(signature, {"a": {"x": [1, "a", None]}}) == {"a": {"x": [1, "a", None]}, "b": 2}


def test_keyword_arguments_take_the_rest_of_the_object():
    """By the annotation of their values."""

    def f(name: str, **sizes: Path) -> None: ...

    signature = Signature.of(f, "The task 'f'")

    assert arrived(signature, {"name": "a", "b": Path("c")}) == {"name": "a", "b": Path("c")}
    with pytest.raises(InvalidInputError, match=r"`\$\.b`: Expected `str`, got 5"):
        signature.encode_input({"name": "a", "b": 5}, what)


def test_positional_only_parameters_are_filled_in_their_order():
    """The context may be among them."""

    def f(a: int, ctx: TaskContext, b: int = 2, /, *, c: int = 3) -> None: ...

    signature = Signature.of(f, "The task 'f'")

    assert signature.bind((1,), {"c": 4}) == {"a": 1, "c": 4}
    assert signature.decode_input('{"a":1,"c":4}', "context") == ((1, "context", 2), {"c": 4})


def test_arguments_are_bound_as_python_binds_them():
    """The context is no argument."""

    def f(a: int, ctx: TaskContext, b: int = 2, *, c: int = 3) -> None: ...

    signature = Signature.of(f, "The task 'f'")

    assert signature.bind((1, 5), {"c": 4}) == {"a": 1, "b": 5, "c": 4}
    with pytest.raises(InvalidInputError, match=r"got 3 arguments by position, and takes 2. It takes 'a', 'b'"):
        signature.bind((1, 2, 3), {})
    with pytest.raises(InvalidInputError, match="two values for 'a'"):
        signature.bind((1,), {"a": 1})


def test_the_run_of_a_class_is_read_without_self():
    """A class that takes parameters is a typed task too."""

    class Resize(TaskBase):
        def run(self, photo: uuid.UUID, width: int = 800) -> dict[str, int]: ...

    signature = Signature.of(Resize.run, "The task 'resize'", is_method=True)

    assert [each.name for each in signature.parameters] == ["photo", "width"]


def test_a_context_that_only_type_checkers_import_is_known():
    """Linters move it below `if TYPE_CHECKING:`, because nothing else of the module needs it."""

    def here(month, ctx): ...

    f = type(here)(here.__code__, {"__name__": "elsewhere"})
    f.__annotations__ = {"month": "str", "ctx": "TaskContext"}

    assert Signature.of(f, "The task 'f'").context == "ctx"


def test_a_function_that_has_changed_says_so_in_the_worker():
    """The input stays what it was."""

    def resize(photo: str, width: int) -> None: ...

    said = misfit(resize, '{"photo": "a", "height": 5}')

    assert said.startswith("The input of 'f' does not fit resize() as it is now: it has no parameter 'height'")
    assert "or when resize() took something else" in said


def test_the_keys_that_hold_secrets_are_known():
    """Also where the secret is inside: then the whole key is one."""

    @dataclasses.dataclass
    class Login:
        user: str
        password: Secret[str]

    def f(name: str, key: Secret[str] | None = None, logins: list[Login] = []) -> None: ...  # noqa: B006 - a default

    f.__annotations__["logins"] = list[Login]

    assert Signature.of(f, "The task 'f'").secrets == ("key", "logins")


def test_a_wrong_value_is_not_shown_where_it_may_be_a_password():
    """Neither what is a Secret, nor what stands under a telling name, at whatever depth."""

    @dataclasses.dataclass
    class Login:
        user: str
        passwords: list[int]

    def connect(login, key: Secret[int] | None = None): ...

    connect.__annotations__ = {"login": Login, "key": Secret[int] | None}
    signature = Signature.of(connect, "The task 'connect'")

    for wrong in ({"login": {"user": "ann", "passwords": ["hunter2"]}}, {"login": Login("a", []), "key": "hunter2"}):
        with pytest.raises(InvalidInputError) as caught:
            signature.encode_input(wrong, what)
        assert "hunter2" not in str(caught.value)


def test_a_wrong_key_of_a_dict_shows_no_secret_that_stands_beside_it():
    """Of such a key msgspec names no place, and what is given is the whole input."""

    def connect(key: Secret[str], ports: dict[Color, int], names: dict[int, str] = {}) -> None: ...  # noqa: B006 - a default that is shown

    connect.__annotations__ |= {"key": Secret[str], "ports": dict[Color, int], "names": dict[int, str]}

    for wrong in ({"ports": {"blue": 1}}, {"ports": {}, "names": {"a": "b"}}):
        with pytest.raises(InvalidInputError) as caught:
            Signature.of(connect, "The task 'connect'").encode_input({"key": "hunter2", **wrong}, what)
        assert "hunter2" not in str(caught.value)


def test_the_name_of_the_context_is_no_key_of_the_rest():
    """It would be overwritten without a word."""

    def f(ctx: TaskContext, **more: int) -> None: ...

    with pytest.raises(InvalidInputError, match="the key 'ctx' is taken"):
        Signature.of(f, "The task 'f'").encode_input({"ctx": 1}, what)


def test_an_input_that_was_damaged_says_so():
    """It is no fault of the function."""

    def f(a: int) -> None: ...

    assert "was damaged in the store" in misfit(f, '{"a": ')
