"""Types that msgspec does not know: registered ones, pydantic models, classes derived from those of JSON."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from lilota.errors import InvalidInputError, InvalidTaskError
from lilota.tasks.carriers import register_type
from lilota.tasks.signatures import Signature


class Money:
    def __init__(self, cents: int) -> None:
        self.cents = cents

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Money) and self.cents == other.cents

    __hash__ = None

    @classmethod
    def parse(cls, text: str) -> Money:
        return cls({"one": 100, "two": 200}[text])

    def __str__(self) -> str:
        return {100: "one", 200: "two"}[self.cents]


register_type(Money, encode=str, decode=Money.parse, schema={"type": "string"})
register_type(Fraction, encode=Fraction.as_integer_ratio, decode=lambda pair: Fraction(*pair))


def what() -> str:
    return "The input of 'pay'"


def pay(price: Money, parts: dict[str, Fraction] = {"a": Fraction(1, 2)}) -> list[Money]: ...  # noqa: B006 - a default


def arrived(function: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    signature = Signature.of(function, "The task 'pay'")
    return signature.decode_input(signature.encode_input(arguments, what))[1]


def test_a_registered_type_travels():
    """In and out, inside of others, and as a default."""
    signature = Signature.of(pay, "The task 'pay'")
    output = signature.encode_output([Money(100)], what)

    assert arrived(pay, {"price": Money(200)}) == {"price": Money(200), "parts": {"a": Fraction(1, 2)}}
    assert signature.decode_output(output) == [Money(100)]
    assert signature.input_schema()["properties"]["price"] == {"type": "string"}


def test_what_json_carries_of_a_registered_type_is_taken_too():
    """From a program that has not the type."""
    assert arrived(pay, {"price": "one", "parts": {"b": [1, 3]}}) == {
        "price": Money(100),
        "parts": {"b": Fraction(1, 3)},
    }


@pytest.mark.parametrize(
    ("price", "problem"),
    [
        ("three", "`$.price`: KeyError: 'three'."),
        (Money(5), "`$.price`: KeyError: 5."),
        (5, "`$.price`: KeyError: 5."),
    ],
)
def test_what_a_registered_type_refuses_is_said_with_its_path(price, problem):
    """Whatever it raises."""
    with pytest.raises(InvalidInputError) as caught:
        Signature.of(pay, "The task 'pay'").encode_input({"price": price}, what)

    assert problem in str(caught.value)
    assert caught.value.__context__ is None


def test_only_a_class_can_be_registered():
    """A generic alias would never be asked for."""
    with pytest.raises(TypeError, match="takes a class"):
        register_type(list[int], encode=list, decode=list)


def test_an_object_of_a_subclass_does_not_become_one_of_its_base():
    """What is more in it would be lost without a word."""

    class Discount(Money):
        def __eq__(self, other: object) -> bool:
            return type(other) is Discount

        __hash__ = None

    with pytest.raises(InvalidInputError, match="`Discount` was given, and comes back as `Money`"):
        Signature.of(pay, "The task 'pay'").encode_input({"price": Discount(100)}, what)


def test_classes_derived_from_those_of_json_are_plain_values():
    """numpy's floats are such, and the texts of many a library."""

    class Text(str):
        __slots__ = ()

    class Real(float):
        pass

    def f(a: str, b: float, c: Any) -> None: ...

    assert arrived(f, {"a": Text("x"), "b": Real(1.5), "c": [Text("y")]}) == {"a": "x", "b": 1.5, "c": ["y"]}


def test_every_kind_of_path_travels():
    """Also one of another system."""

    def f(a: Path, b: PurePosixPath) -> None: ...

    assert arrived(f, {"a": Path("a"), "b": PurePosixPath("b/c")}) == {"a": Path("a"), "b": PurePosixPath("b/c")}


def test_pydantic_models_travel_and_check_themselves():
    """Where pydantic is installed; lilota never imports it."""
    pydantic = pytest.importorskip("pydantic")

    class Mail(pydantic.BaseModel):
        to: str
        copies: int = pydantic.Field(default=0, ge=0)

    def send(mail: Mail, others: list[Mail] | None = None): ...

    send.__annotations__ = {"mail": Mail, "others": list[Mail] | None, "return": Mail}
    signature = Signature.of(send, "The task 'send'")

    assert arrived(send, {"mail": Mail(to="ann"), "others": [Mail(to="bob", copies=2)]}) == {
        "mail": Mail(to="ann"),
        "others": [Mail(to="bob", copies=2)],
    }
    assert arrived(send, {"mail": {"to": "ann"}})["mail"] == Mail(to="ann")
    assert signature.decode_output(signature.encode_output(Mail(to="ann"), what)) == Mail(to="ann")
    assert signature.input_schema()["properties"]["mail"]["properties"]["copies"]["minimum"] == 0
    with pytest.raises(InvalidInputError, match=r"`\$\.mail`: copies: Input should be greater than or equal to 0\."):
        signature.encode_input({"mail": {"to": "ann", "copies": -1}}, what)


def test_a_pydantic_secret_is_not_replaced_by_its_mask():
    """`model_dump` masks it: the worker would get stars."""
    pydantic = pytest.importorskip("pydantic")

    class Login(pydantic.BaseModel):
        password: pydantic.SecretStr

    def connect(login): ...

    connect.__annotations__ = {"login": Login}
    signature = Signature.of(connect, "The task 'connect'")

    with pytest.raises(InvalidInputError, match=r"password`: `SecretStr` was given, and comes back"):
        signature.encode_input({"login": Login(password="hunter2")}, what)


def test_what_nothing_carries_is_refused_when_it_is_annotated():
    """And told how it could be carried."""

    def f(a: object, b: type) -> None: ...

    with pytest.raises(InvalidTaskError, match=r"the parameter 'b' is annotated type, .* lilota\.register_type\(\)"):
        Signature.of(f, "The task 'f'")
