"""How the context of a trace travels with a task: as one header, which holds what the propagators write."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Final

from opentelemetry import propagate, trace
from opentelemetry.context import Context

from lilota.models import JSONObject

if TYPE_CHECKING:
    from opentelemetry.trace import Link, Span

logger: logging.Logger = logging.getLogger(__name__)

#: Its value has the keys of the propagators: "traceparent", "tracestate", "baggage".
HEADER: Final = "telemetry.context"
#: All headers of a task together may have 16 KiB; some is left for plugins that come after this one.
_ROOM_BYTES: Final = 15_000
_TRACEPARENT: Final = "traceparent"


def headers_of(span: Span, headers_json: str | None) -> JSONObject | None:
    """Return the header for a task that is added in a span; None where there is nothing to tell, or no room for it.

    A context that the caller has given to the task stays: it may come from elsewhere, and be the better one.

    Args:
        headers_json: what the task has already.
    """
    if f'"{HEADER}"' in (headers_json or ""):
        return None
    carrier: dict[str, str] = {}
    propagate.inject(carrier, trace.set_span_in_context(span))
    taken = len((headers_json or "").encode())
    least = {key: value for key, value in carrier.items() if key == _TRACEPARENT}
    for told in (carrier, least):  # baggage may be long; what joins the spans is not
        if told and taken + len(json.dumps(told)) <= _ROOM_BYTES:
            return {HEADER: told}
    if carrier:
        logger.warning("The headers of a task leave no room for the context of its trace: it begins a new one.")
    return None


def context_of(headers: JSONObject) -> Context:
    """Return the context that travels in headers; an empty one where there is none, or none that can be read."""
    carrier = headers.get(HEADER)
    if not isinstance(carrier, dict):
        return Context()
    told = {key: value for key, value in carrier.items() if isinstance(value, str)}
    return propagate.extract(told, Context())


def readable(headers_json: str | None, task_id: int) -> JSONObject:
    """Return headers as they were given to `add`; none where the store has damaged them."""
    try:
        headers = json.loads(headers_json or "{}")
    except (ValueError, RecursionError) as error:
        logger.warning("The headers of the task %d are not JSON (%s): its attempt begins a new trace.", task_id, error)
        return {}
    return headers if isinstance(headers, dict) else {}


def links_to(context: Context) -> list[Link]:
    """Return a link to the span of a context, if it has one."""
    span_context = trace.get_current_span(context).get_span_context()
    return [trace.Link(span_context)] if span_context.is_valid else []
