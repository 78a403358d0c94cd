"""What a task takes and gives, by its parameters and annotations: checked at `add`, decoded where it runs."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import asdict

from lilota.errors import InvalidInputError, InvalidOutputError, InvalidTaskError, did_you_mean, listed
from lilota.results import MARK, unwrapped, wrapped
from lilota.tasks.annotations import check_annotation, has_secret
from lilota.tasks.carriers import decode, to_json
from lilota.tasks.jsonvalues import INPUT_LIMIT_BYTES, OUTPUT_LIMIT_BYTES, checked_text, encode_object
from lilota.tasks.misfits import difference, explain, is_same
from lilota.tasks.parameters import EMPTY, Parameter, Parameters, read_parameters

_MARK_IN_TEXT: Final = f'"{MARK}"'
#: What comes back from JSON as it was, whatever its annotation.
_PLAIN_TYPES: Final = frozenset({str, int, bool, type(None)})
_split: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Signature:
    """The input of a function, which its parameters are, and its output, which its return annotation says.

    Attributes:
        name: what it is called in errors, as "resize()" or "Resize.run()".
        parameters: those that keys of the input fill.
        context: the name of the parameter that gets the `TaskContext`, or "".
        secrets: the keys of the input whose values are not to be shown.
        returns: the annotation of what it returns; `EMPTY` where there is none.
    """

    def __init__(self, function: Callable[..., Any], name: str, found: Parameters) -> None:
        """Made by `of`, which has checked what was found."""
        self.name: str = name
        self.parameters: tuple[Parameter, ...] = found.named
        self.context: str = found.context
        self.secrets: tuple[str, ...] = tuple(each.name for each in found.named if has_secret(each.annotation))
        self.returns: Any = found.returns
        self._function = function
        self._rest = found.rest
        self._names = frozenset(each.name for each in found.named)
        self._positional = tuple(each.name for each in found.named if each.is_positional)
        self._order = found.order
        self._input_type = _input_type(name, found)
        self._decode_named = _decoder(self._input_type).decode
        self._decode_rest = None if found.rest is None else _decoder(found.rest).decode
        self._decode_output = _decoder(Any if found.returns is EMPTY else found.returns).decode

    @classmethod
    def of(cls, function: Callable[..., Any], what: str, *, owner: str = "", is_method: bool = False) -> Signature:
        """Return the signature of a function, or of the `run` of a class.

        Args:
            what: how to call the function in an error: "The task 'resize'".
            owner: the name of the class whose `run` it is.
            is_method: leave its first parameter out.

        Raises:
            InvalidTaskError: no JSON object can be its input, or its result can't be stored.
        """
        name = f"{owner}.run()" if owner else f"{getattr(function, '__name__', 'run')}()"
        where = f"{what} ({function.__module__}.{getattr(function, '__qualname__', name)})"
        found = read_parameters(function, where, is_method=is_method)
        for parameter in found.named:
            _check_parameter(parameter, where)
        if found.rest is not None:
            check_annotation(found.rest, f"{where}: what its '**' takes")
            if has_secret(found.rest):
                raise InvalidTaskError(f"{where}: nobody knows which keys '**' takes as secrets. Name each of them.")
        if found.returns not in (EMPTY, None):
            check_annotation(found.returns, f"{where}: what it returns")
            if has_secret(found.returns):
                raise InvalidTaskError(
                    f"{where} can't return a Secret: a result is shown. Store it elsewhere, and return where."
                )
        return cls(function, name, found)

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a call with these arguments gives to each parameter, without defaults.

        Raises:
            InvalidInputError: there is no such parameter, or it is given twice. What is missing, `encode_input` says.
        """
        if not args:
            return dict(kwargs)
        if len(args) > len(self._positional):
            raise InvalidInputError(
                f"{self.name} got {len(args)} arguments by position, and takes {len(self._positional)}. {self._known()}"
            )
        bound = dict(zip(self._positional, args, strict=False))
        if kwargs:
            if not bound.keys().isdisjoint(kwargs):
                raise InvalidInputError(f"{self.name} got two values for {listed(bound.keys() & kwargs.keys())}.")
            bound.update(kwargs)
        return bound

    def encode_input(self, arguments: Mapping[str, Any], what: Callable[[], str]) -> str:
        """Return the JSON text of an input, which the worker can decode.

        Args:
            arguments: for each parameter without default, and some others, a value or what JSON carries of it.
            what: returns how to call the input in an error.

        Raises:
            InvalidInputError: a value is not what its parameter takes; the message names its path.
        """
        if not isinstance(arguments, dict):
            return encode_object(arguments, what, INPUT_LIMIT_BYTES, InvalidInputError)
        problem: Exception
        try:
            encoded = to_json(arguments)
            lost = self._loss(arguments, encoded)
        except Exception as error:  # noqa: BLE001 - types of users encode and decode here
            problem = error
        else:
            if lost:
                raise InvalidInputError(f"{what()} does not fit {self.name}: {lost}")
            return checked_text(encoded, what, INPUT_LIMIT_BYTES, InvalidInputError)
        raise InvalidInputError(
            f"{what()} does not fit {self.name}: {self._explained(arguments, problem, self.secrets)}"
        )

    def decode_input(self, text: str, context: object = None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments to call the function with.

        Args:
            context: what the parameter for it gets.

        Raises:
            Exception: the input does not fit; types of users decode here. `misfit` says what is wrong.
        """
        named = asdict(self._decode_named(text))
        if self._decode_rest is not None:
            _add_rest(self._decode_rest, named, text)
        if self.context:
            named[self.context] = context
        return tuple(map(named.pop, self._order)) if self._order else (), named

    def misfit(self, text: str, problem: Exception, what: str, secrets: Collection[str] = ()) -> InvalidInputError:
        """Return what to say of an input that does not fit: the function is another one than when it was added.

        Args:
            problem: what `decode_input` has raised.
            what: how to call the input in an error.
            secrets: the keys that were secret when the task was added, and may be no more.
        """
        if type(problem) is msgspec.DecodeError:
            return InvalidInputError(f"{what} is not JSON; it was damaged in the store ({problem}).")
        said = self._explained(msgspec.json.decode(text), problem, (*self.secrets, *secrets))
        return InvalidInputError(
            f"{what} does not fit {self.name} as it is now: {said} It was added by a program that could not check "
            f"it, or when {self.name} took something else. The task keeps its input: retry it when they fit."
        )

    def encode_output(self, value: object, what: Callable[[], str]) -> str:
        """Return the JSON text of an output, which is an object. None is no output.

        Args:
            what: returns how to call the output in an error.

        Raises:
            InvalidOutputError: the value is not what the annotation says, or JSON can't carry it.
        """
        if self.returns is EMPTY:
            return encode_result(value, what)
        problem: Exception
        try:
            encoded = to_json(value)
            back = self._decode_output(encoded)
            lost = "" if is_same(value, back) else difference(value, back)
        except Exception as error:  # noqa: BLE001 - types of users encode and decode here
            problem = error
        else:
            if lost:
                raise InvalidOutputError(f"{what()} does not fit what {self.name} is annotated to return: {lost}")
            return _as_object(checked_text(encoded, what, OUTPUT_LIMIT_BYTES, InvalidOutputError), what)
        said = explain(problem, value, self.returns, to_json)
        raise InvalidOutputError(f"{what()} does not fit what {self.name} is annotated to return: {said}")

    def decode_output(self, text: str) -> Any:  # noqa: ANN401 - what the annotation says
        """Return the value that a stored output stands for, of the type of the return annotation.

        Raises:
            InvalidOutputError: it does not fit: the function is another one than when the task ran.
        """
        value = unwrapped(msgspec.json.decode(text))
        if self.returns in (EMPTY, None, type(None)):  # what returns nothing may have set an output
            return value
        problem: Exception
        try:
            return self._decode_output(msgspec.json.encode(value))
        except Exception as error:  # noqa: BLE001 - types of users decode here
            problem = error
        said = explain(problem, value, self.returns, to_json)
        raise InvalidOutputError(f"The output does not fit what {self.name} is annotated to return now: {said}")

    def input_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the input: what `Args:` of the docstring says, defaults, which keys are secret."""
        from lilota.tasks.schemas import object_schema  # noqa: PLC0415 - no runner and no worker needs it

        return object_schema(self._function, self.parameters, self._rest)

    def output_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the result; of the value itself, where it is stored in an object."""
        from lilota.tasks.schemas import value_schema  # noqa: PLC0415 - no runner and no worker needs it

        return value_schema(Any if self.returns is EMPTY else self.returns)

    def _loss(self, arguments: dict[str, Any], encoded: bytes) -> str:
        """Decode arguments as the worker will, and say what is lost on the way, or return ""."""
        # The values of most tasks are plain: once they are known to fit, nothing can be lost.
        if self._decode_rest is None and _PLAIN_TYPES.issuperset(map(type, arguments.values())):
            self._decode_named(encoded)
            return ""
        decoded = asdict(self._decode_named(encoded))
        if self._decode_rest is not None:
            _add_rest(self._decode_rest, decoded, encoded)
        odd = next((key for key in arguments if not isinstance(key, str) or key == self.context), None)
        if odd is not None:
            return f"the key {odd!r:.60} is taken." if odd == self.context else f"the key {odd!r:.60} is not a text."
        return next(filter(None, (difference(arguments[key], decoded[key], f"$.{key}") for key in arguments)), "")

    def _explained(self, arguments: dict[str, Any], problem: Exception, secrets: Collection[str]) -> str:
        unknown = next((key for key in arguments if key not in self._names), None)
        if unknown is not None and self._decode_rest is None:
            hint = did_you_mean(unknown, self._names) if isinstance(unknown, str) else ""
            return f"it has no parameter {unknown!r:.60}.{hint} {self._known()}"
        missing = [each.name for each in self.parameters if not each.has_default and each.name not in arguments]
        if missing:
            return f"the parameter {missing[0]!r} is missing. {self._known()}"
        return explain(problem, arguments, self._input_type, to_json, secrets)

    def _known(self) -> str:
        shown = [
            f"{each.name!r} (may be left out)" if each.has_default else repr(each.name) for each in self.parameters
        ]
        return f"It takes {', '.join(shown)}." if shown else "It takes nothing."


def encode_result(value: object, what: Callable[[], str]) -> str:
    """Return the JSON text of the object in which a result is stored whose type nothing says: any JSON value.

    Raises:
        InvalidOutputError: JSON can't carry it.
    """
    if isinstance(value, dict):
        return _as_object(encode_object(value, what, OUTPUT_LIMIT_BYTES, InvalidOutputError), what)
    return wrapped(
        encode_object({"result": value}, what, OUTPUT_LIMIT_BYTES, InvalidOutputError)[len('{"result":') : -1]
    )


def _as_object(text: str, what: Callable[[], str]) -> str:
    if not text.startswith("{"):
        return wrapped(text)
    # Looking for it in the text is quicker than decoding it; a value may hold it.
    if _MARK_IN_TEXT in text and MARK in msgspec.json.decode(text):
        raise InvalidOutputError(f"{what()} has the key {MARK!r}, which is lilota's own. Rename it.")
    return text


def _check_parameter(parameter: Parameter, where: str) -> None:
    """Refuse a parameter whose values, or whose default, JSON can't carry."""
    place = f"{where}: the parameter {parameter.name!r}"
    check_annotation(parameter.annotation, place)
    if not parameter.has_default:
        return
    key, given = parameter.name, {parameter.name: parameter.default}
    taker = msgspec.defstruct("default", [(key, parameter.annotation)])
    try:
        said = difference(given, _decoder(taker).decode(to_json(given)))
    except Exception as error:  # noqa: BLE001 - types of users encode and decode here
        said = explain(error, given, taker, to_json, {key} if has_secret(parameter.annotation) else ())
    if said:
        raise InvalidTaskError(f"{place} has a default that JSON can't carry: {said} Take None, and set it inside.")


def _decoder(annotation: Any) -> msgspec.json.Decoder[Any]:  # noqa: ANN401 - whatever was written
    return msgspec.json.Decoder(annotation, dec_hook=decode)


def _input_type(name: str, found: Parameters) -> type[msgspec.Struct]:
    """Return a type whose fields are the parameters."""
    fields = [
        (each.name, each.annotation, _field(each.default)) if each.has_default else (each.name, each.annotation)
        for each in found.named
    ]
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=found.rest is None)


def _field(default: object) -> Any:  # noqa: ANN401 - as msgspec types it
    """Return a field with a default that no task can change for the next one."""
    if type(default) in _PLAIN_TYPES:
        return default
    return msgspec.field(default_factory=lambda: copy.deepcopy(default))


def _add_rest(decode_rest: Callable[[msgspec.Raw], Any], named: dict[str, Any], encoded: bytes | str) -> None:
    """Add the values of the keys that are no parameters, which '**' takes."""
    for key, raw in _split(encoded).items():
        if key not in named:
            named[key] = _decoded_rest(decode_rest, key, raw)


def _decoded_rest(decode_rest: Callable[[msgspec.Raw], Any], key: str, raw: msgspec.Raw) -> object:
    try:
        return decode_rest(raw)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        raise msgspec.ValidationError(f"{said} - at `$.{key}{path or '`'}") from None
