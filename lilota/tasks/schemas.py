"""Write the JSON Schema of what a task takes and gives, for people, programs and the command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from lilota.tasks.annotations import SECRET_SCHEMA, has_secret, opened
from lilota.tasks.carriers import carrier_of, encode
from lilota.tasks.parameters import Parameter
from lilota.tasks.secret_values import Secret
from lilota.texts.patterns import Pattern

#: Defaults in one order: that of a set is another one in each process.
_to_json: Final = msgspec.json.Encoder(enc_hook=encode, order="deterministic").encode
_DEFINITIONS: Final = "#/$defs/{name}"
#: "    month: the month, as in "march"", and "    month (str): ..."
_ARGUMENT: Final = Pattern(r"(?P<indent>[ \t]+)\*{0,2}(?P<name>\w+)(?: *\([^)]*\))?:[ \t]*(?P<text>.*)")


def object_schema(
    function: Callable[..., Any],
    parameters: Sequence[Parameter],
    rest: Any,  # noqa: ANN401 - an annotation, or None
) -> dict[str, Any]:
    """Return the schema of the object whose keys are the parameters of a function.

    Args:
        rest: the annotation of the values of all other keys, or None if there are none.
    """
    annotations = [each.annotation for each in parameters]
    schemas, definitions = _schemas(annotations if rest is None else [*annotations, rest])
    text = inspect.getdoc(function) or ""
    told = described_arguments(text)
    properties = {}
    for parameter, schema in zip(parameters, schemas, strict=False):
        properties[parameter.name] = schema
        if parameter.name in told:
            schema["description"] = told[parameter.name]
        if parameter.has_default and (parameter.default is None or not has_secret(parameter.annotation)):
            schema["default"] = msgspec.json.decode(_to_json(parameter.default))
    whole = {
        "title": function.__name__,
        "description": text.partition("\n")[0],
        "type": "object",
        "properties": properties,
        "required": [each.name for each in parameters if not each.has_default],
        "additionalProperties": False if rest is None else schemas[-1],
        "$defs": definitions,
    }
    return {key: value for key, value in whole.items() if value not in ("", [], {}) or key == "properties"}


def value_schema(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - an annotation
    """Return the schema of a value of a type."""
    (schema,), definitions = _schemas([annotation])
    return {**schema, "$defs": definitions} if definitions else schema


def described_arguments(text: str) -> Mapping[str, str]:
    """Return what a docstring says of each argument, below "Args:".

    >>> described_arguments("Resize.\\n\\nArgs:\\n    width: in pixels,\\n        not points.")
    {'width': 'in pixels, not points.'}
    """
    _, _, section = text.partition("Args:\n")
    told: dict[str, str] = {}
    name, depth = "", 0
    for line in section.splitlines():
        if not line.strip() or not line[0].isspace():
            break
        found = _ARGUMENT.compiled.fullmatch(line)
        if found and (not depth or len(found["indent"]) <= depth):
            name, depth = found["name"], len(found["indent"])
            told[name] = found["text"]
        elif name:
            told[name] = f"{told[name]} {line.strip()}".strip()
    return told


def _schemas(annotations: Sequence[Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the schemas of types, and the definitions that they refer to."""
    definitions: dict[str, Any] = {}

    def of_carried(kind: type) -> dict[str, Any]:
        schema = _of_carried(kind)
        definitions.update(schema.pop("$defs", {}))
        return schema

    revealed = [opened(each) for each in annotations]
    # A field with a default that msgspec can't encode by itself, a path, has no schema by it: then it says nothing.
    known = [each if _has_schema(each) else Any for each in revealed]
    schemas, components = msgspec.json.schema_components(known, schema_hook=of_carried, ref_template=_DEFINITIONS)
    definitions.update(components)
    return [dict(each) for each in schemas], definitions


def _has_schema(annotation: Any) -> bool:  # noqa: ANN401 - an annotation
    try:
        msgspec.json.schema_components([annotation], schema_hook=_of_carried)
    except TypeError:
        return False
    return True


def _of_carried(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - a type that msgspec does not know
    if kind is Secret:  # in a field of a class: msgspec does not say of what
        return dict(SECRET_SCHEMA)
    if hasattr(kind, "model_json_schema"):
        return dict(kind.model_json_schema(ref_template=_DEFINITIONS.format(name="{model}")))
    carrier = carrier_of(kind)
    return dict(carrier.schema if carrier and carrier.schema else {"title": kind.__name__})
