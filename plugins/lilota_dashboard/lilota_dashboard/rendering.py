"""Write HTML: the templates, and how numbers, instants and durations stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from lilota.texts.words import duration, relative, size
from lilota_dashboard.board import board_of
from lilota_dashboard.data.charts import bars, timeline
from lilota_dashboard.data.records.forms import FormField
from lilota_dashboard.data.texts import state_word
from lilota_dashboard.security.access import TokenAccess
from lilota_dashboard.static_files import static_url

if TYPE_CHECKING:
    from starlette.requests import Request

#: Stands where nothing is known.
_NOTHING: Final = "\u2013"


def page(
    request: Request,
    template: str,
    *,
    status_code: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: object,
) -> HTMLResponse:
    """Return a page for a request."""
    return HTMLResponse(render(request, template, **values), status_code, headers)


def render(request: Request, template: str, **values: object) -> str:
    """Return the text of a template for a request."""
    board = board_of(request)
    return fragment(
        template,
        base_of(request),
        path=request.scope["path"].removeprefix(base_of(request)),
        visitor=request.state.visitor,
        allow_actions=board.allow_actions,
        may_leave=isinstance(board.access, TokenAccess),
        command_line=board.commands.line,
        **values,
    )


def fragment(template: str, base: str, **values: object) -> str:
    """Return the text of a template, whoever asks for it; `base` stands before each of its links."""
    return _ENVIRONMENT.get_template(template).render(base=base, now=datetime.now(UTC), **values)


def base_of(request: Request) -> str:
    """Return the path under which the dashboard is mounted; "" at the root."""
    root: str = request.scope.get("root_path", "")
    return quote(root.rstrip("/"))


def query(parameters: list[tuple[str, str]], **more: object) -> str:
    """Return a query with its question mark; "" for nothing."""
    all_of_them = [*parameters, *((key, str(value)) for key, value in more.items() if value is not None)]
    return f"?{urlencode(all_of_them)}" if all_of_them else ""


def _ago(instant: datetime | None) -> Markup:
    """Return an instant as people say it; the page keeps it up to date."""
    if instant is None:
        return Markup.escape(_NOTHING)
    exact = instant.astimezone(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.isoformat(), f"{exact:%Y-%m-%d %H:%M:%S} UTC", relative(instant, datetime.now(UTC))
    )


def _seconds(seconds: float | None) -> str:
    return _NOTHING if seconds is None else duration(seconds)


def _size(number_of_bytes: float | None) -> str:
    return _NOTHING if number_of_bytes is None else size(number_of_bytes)


def _number(number: float) -> str:
    return f"{number:,}"


def _percent(share: float | None) -> str:
    return _NOTHING if share is None else f"{share * 100:.3g} %"


def _described(control: str, field: FormField) -> Markup:
    """Return the attributes that lead who does not see the page from a control to what is said of it."""
    parts = [f"{control}-about"] * bool(field.description) + [f"{control}-error"] * bool(field.error)
    wrong = Markup(' aria-invalid="true"') if field.error else Markup()
    return wrong + Markup(' aria-describedby="{}"').format(" ".join(parts)) if parts else wrong


def _part(text: str) -> str:
    """Return a text as a part of a path in a URL."""
    return quote(text, safe="")


_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(
    ago=_ago, seconds=_seconds, bytes=_size, number=_number, percent=_percent, part=_part, query=query, word=state_word
)
_ENVIRONMENT.globals.update(
    static=static_url,
    bars=lambda series, name: Markup(bars(series, name)),  # noqa: S704 - SVG, escaped where it is drawn
    timeline=lambda attempts: Markup(timeline(attempts, "timeline")),  # noqa: S704 - as above
    described=_described,
)
