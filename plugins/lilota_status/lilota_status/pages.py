"""The page of one task, which works without a script: it loads itself again while the task goes on."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, Final

import msgspec

from lilota.texts.words import size
from lilota_status.records import COMMON_HEADERS, Answer, Refusal

#: No script and no style but those of this site; no other site may show the page in a frame.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS: Final = [
    ("Content-Type", "text/html; charset=utf-8"),
    ("Content-Security-Policy", _POLICY),
    # With `no-referrer`, browsers would not say from where a form comes.
    ("Referrer-Policy", "same-origin"),
    ("Vary", "Accept"),
    *COMMON_HEADERS,
]
#: With a script, the page need not be loaded again.
_AGAIN: Final = '<noscript><meta http-equiv="refresh" content="3"></noscript>'

#: What the page says without a script; an application can give other words.
TEXTS: Final[Mapping[str, str]] = {
    "language": "en",
    "waiting": "Waiting",
    "running": "Running",
    "succeeded": "Done",
    "failed": "Failed",
    "cancelled": "Cancelled",
    "cancel_requested": "Is being cancelled",
    "cancel": "Cancel",
    "result": "Result",
    "logs": "Log",
    "files": "Files",
    "denied": "This can't be done",
}
#: What only the element says, which has words of its own for these.
TEXTS_OF_ELEMENT: Final = frozenset(
    ("gone", "none", "step", "left", "before", "took", "starts", "more", "trouble", "refused")
)
_ENDED: Final = {"succeeded", "failed", "cancelled"}


class Pages:
    """Makes pages of tasks, in the words and with the stylesheet of an application.

    All addresses in them are relative to their own: whoever stands between may have put them anywhere.
    """

    def __init__(self, texts: Mapping[str, str], stylesheet: str | None) -> None:
        self._texts = {key: escape(text) for key, text in {**TEXTS, **texts}.items()}
        self._texts_of_element = f' texts="{escape(msgspec.json.encode(texts).decode())}"' if texts else ""
        self._own_style = f'<link rel="stylesheet" href="{escape(stylesheet)}">' if stylesheet else ""

    def task(self, snapshot: Mapping[str, Any]) -> Answer:
        """Return the page of a task."""
        again = "" if snapshot["state"] in _ENDED else _AGAIN
        ref = escape(snapshot["ref"])
        body = f'<lilota-task ref="{ref}"{self._texts_of_element}>{self._plainly(snapshot)}</lilota-task>'
        page = self._page(escape(snapshot["title"]), f'{again}<script src="lilota.js" defer></script>', body)
        return Answer(headers=_HEADERS, body=page)

    def refusal(self, refusal: Refusal) -> Answer:
        """Return a page that says why there is nothing to see."""
        page = self._page(self._texts["denied"], "", f"<p>{escape(refusal.sentence)}</p>")
        return Answer(status=refusal.status, headers=[*_HEADERS, *refusal.headers], body=page)

    def _page(self, title: str, head: str, body: str) -> bytes:
        page = (
            f'<!DOCTYPE html><html lang="{self._texts["language"]}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<title>{title}</title><link rel="stylesheet" href="lilota.css">{self._own_style}{head}</head>'
            f'<body class="lilota-page"><main>{body}</main></body></html>'
        )
        return page.encode(errors="replace")

    def _plainly(self, snapshot: Mapping[str, Any]) -> str:
        """Return what a browser shows that runs no script; its classes are those of the element, and so is its look."""
        title = escape(snapshot["title"])
        state = f'<span class="state">{self._state(snapshot)}</span>'
        parts = [f'<div class="row"><h1 class="title">{title}</h1>{state}</div>']
        if snapshot["state"] not in _ENDED:
            value = "" if snapshot["percentage"] is None else f' value="{snapshot["percentage"]:.1f}"'
            parts.append(f'<progress max="100"{value} aria-label="{title}"></progress>')
        parts += [f'<p class="{key}">{escape(snapshot[key])}</p>' for key in ("message", "error") if snapshot[key]]
        parts += [self._files(snapshot), f'<div class="row">{self._links(snapshot)}{self._form(snapshot)}</div>']
        return f'<div class="task {snapshot["state"]}">{"".join(parts)}</div>'

    def _state(self, snapshot: Mapping[str, Any]) -> str:
        is_being_cancelled = snapshot["cancel_requested"] and snapshot["state"] == "running"
        return self._texts["cancel_requested" if is_being_cancelled else snapshot["state"]]

    def _files(self, snapshot: Mapping[str, Any]) -> str:
        items = "".join(
            f'<li class="row"><a href="{escape(_relative(file["url"]))}">{escape(file["name"])}</a>'
            f' <span class="size">{size(file["size"])}</span></li>'
            for file in snapshot["files"]
        )
        return f'<h2>{self._texts["files"]}</h2><ul class="files">{items}</ul>' if items else ""

    def _links(self, snapshot: Mapping[str, Any]) -> str:
        ref = escape(snapshot["ref"])
        shown = (action for action in ("result", "logs") if action in snapshot["actions"])
        return " ".join(f'<a class="button" href="{ref}/{action}">{self._texts[action]}</a>' for action in shown)

    def _form(self, snapshot: Mapping[str, Any]) -> str:
        if "cancel" not in snapshot["actions"]:
            return ""
        action = f"{escape(snapshot['ref'])}/cancel"
        return f'<form method="post" action="{action}"><button class="button">{self._texts["cancel"]}</button></form>'


def _relative(url: str) -> str:
    """Return the address of a file relative to the page of its task."""
    return "/".join(url.split("/")[-3:])
