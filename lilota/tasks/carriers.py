"""How values travel as JSON that msgspec does not know by itself: paths, secrets, pydantic models and registered types.

`encode` and `decode` are the hooks of its encoders and decoders. What a type needs stands with the type, or is
registered in the module that defines it: so a worker, which imports that module too, has it without a plugin.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePath
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from lilota.errors import described
from lilota.tasks.secret_values import Secret

T = TypeVar("T")


class Carrier(msgspec.Struct, frozen=True):
    """How values of one type travel."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    schema: dict[str, Any]


#: Types are what a process has once, like those of `copyreg`: a table of each signature would be asked for its own.
_registered: Final[dict[type, Carrier]] = {}
#: Classes derived from those of JSON, which an encoder takes as they are or asks for here.
_OF_JSON: Final[tuple[Callable[[Any], object], ...]] = (str, int, float, dict, list, tuple)
#: What is no key in JSON. An encoder asks for them only where they are: as values it takes them as they are.
_NO_KEYS: Final = frozenset({tuple, type(None)})


def register_type(
    type_: type[T],
    *,
    encode: Callable[[T], Any],
    decode: Callable[[Any], T],
    schema: dict[str, Any] | None = None,
) -> None:
    """Let values of a type be inputs and outputs of tasks.

    Call it in the module that defines the type, or beside the task: workers must come by it too.

        register_type(Money, encode=str, decode=Money.parse)

    Args:
        encode: makes what JSON can carry of a value.
        decode: makes the value of that again; ValueError and TypeError mean that it can't be.
        schema: the JSON Schema of what `encode` gives.
    """
    if not isinstance(type_, type):
        raise TypeError(f"register_type() takes a class, not {type_!r:.100}.")
    _registered[type_] = Carrier(encode, decode, schema or {})


def carrier_of(kind: object) -> Carrier | None:
    """Return how values of a type travel, or None if nothing here carries them."""
    origin = get_origin(kind) or kind
    if not isinstance(origin, type):
        return None
    if origin is Secret:
        inner = (*get_args(kind), Any)[0]
        return Carrier(
            Secret.reveal, lambda plain: Secret(msgspec.convert(plain, inner, dec_hook=decode, str_keys=True)), {}
        )
    if issubclass(origin, PurePath):
        return Carrier(str, lambda plain: origin(_text(plain)), {"type": "string", "format": "path"})
    if origin in _registered:
        return _registered[origin]
    return _of_pydantic(origin) if hasattr(origin, "__pydantic_validator__") else None


def encode(value: object) -> object:
    """Return what JSON can carry of a value that msgspec does not know.

    Raises:
        TypeError: nothing carries values of its type.
    """
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, PurePath):
        return str(value)
    if type(value) in _NO_KEYS:
        raise TypeError(f"a key that is {value!r:.60} can't travel as JSON. Take a text, or a list of pairs")
    for base in type(value).__mro__:
        carrier = carrier_of(base)
        if carrier is not None:
            return carrier.encode(value)
        if base in _OF_JSON:
            return base(value)
    raise TypeError(f"a value of type {type(value).__name__} can't travel as JSON")


def decode(kind: Any, plain: object) -> object:  # noqa: ANN401 - a type, as msgspec calls it
    """Return the value of a type that msgspec does not know, made of what JSON carried.

    Raises:
        ValueError: it is not what the type takes.
    """
    if kind is object:  # as much as Any
        return plain
    carrier = carrier_of(kind)
    if carrier is None:
        raise TypeError(f"nothing carries values of type {kind}")
    try:
        return carrier.decode(plain)
    except msgspec.ValidationError as error:  # of what is inside: msgspec would take its path for the whole
        raise ValueError(str(error).partition(" - at `")[0]) from None
    except (ValueError, TypeError):  # msgspec adds the path to these
        raise
    except Exception as error:
        raise ValueError(described(error)) from error


#: Makes JSON of all that can travel.
to_json: Final = msgspec.json.Encoder(enc_hook=encode).encode


def _text(plain: object) -> str:
    if not isinstance(plain, str):
        raise TypeError(f"Expected `str`, got `{type(plain).__name__}`")
    return plain


def _of_pydantic(model: Any) -> Carrier | None:  # noqa: ANN401 - a class of pydantic, which may not be installed
    """Return how a pydantic model travels. Asked for by what it has, so that pydantic is never imported from here."""
    if not hasattr(model, "model_validate"):
        return None

    def validated(plain: object) -> object:
        try:
            return model.model_validate(plain)
        except ValueError as error:
            raise ValueError(_first_problem(error)) from None

    return Carrier(lambda value: value.model_dump(mode="json"), validated, {})


def _first_problem(error: Any) -> str:  # noqa: ANN401 - pydantic's ValidationError
    """Return the first of pydantic's complaints in a line; its own text shows values, which may be secret."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else str(first["msg"])
