"""The pages of tasks: every route but those that last, for every framework."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from lilota.errors import ConfigurationError, FileAreaError, StoreError
from lilota.finding import find_tasks
from lilota.models import TaskState
from lilota.origins import checked_origins
from lilota.texts.secrets import mask_secrets
from lilota_status.assets import ASSETS, asset
from lilota_status.bodies import check_body
from lilota_status.downloads import download
from lilota_status.files import FileLists, files_now
from lilota_status.following import TROUBLE, Following, open_following
from lilota_status.limits import MOST_LINES, MOST_TASKS, Limits, StreamCounts
from lilota_status.origins import check_same_origin
from lilota_status.pages import TEXTS, TEXTS_OF_ELEMENT, Pages
from lilota_status.records import COMMON_HEADERS, Answer, Asked, Refusal, json_answer, not_found, refused
from lilota_status.snapshots import Seen, error_of, estimates_of, has_result, snapshot
from lilota_status.texts import STATES, lines_of
from lilota_status.visitors import Allow, Clients, Owner, Visitors

logger: logging.Logger = logging.getLogger(__name__)

_HTML: Final = "text/html"
#: A thousand pages may ask each second while the store is away.
_TOLD_SECONDS: Final = 60.0


class StatusKit:
    """Answers requests for the pages of tasks.

    Args:
        clients: a client, a runner, or what makes a client when it is first needed.
        allow: see `Visitors`, and so are `owner` and `max_age_seconds`.
        texts: other words for what pages say, by the keys of `TEXTS` and `TEXTS_OF_ELEMENT`.
        stylesheet: the address of a stylesheet of the application's, on the same site.
        limits: how much is given to those who watch.
        trusted_origins: see `Options`.

    Raises:
        ConfigurationError: an argument can't be used.
    """

    def __init__(
        self,
        clients: Clients,
        *,
        allow: Allow | None = None,
        owner: Owner | None = None,
        max_age_seconds: float | None = None,
        texts: Mapping[str, str] | None = None,
        stylesheet: str | None = None,
        limits: Limits | None = None,
        trusted_origins: Iterable[str] = (),
    ) -> None:
        self.visitors: Visitors = Visitors(clients, allow, owner, max_age_seconds)
        self.limits: Limits = limits or Limits()
        self.streams: StreamCounts = StreamCounts(self.limits)
        self._trusted = checked_origins(trusted_origins)
        self._files = FileLists()
        self._tells_again_at = 0.0
        self._pages = Pages(_checked_texts(texts or {}), stylesheet)

    def answer(self, asked: Asked) -> Answer:
        """Answer a request, whatever it is; whoever runs it in an event loop does so in a thread."""
        return self.guarded(asked, lambda: self._answer(asked))

    def follow(self, asked: Asked) -> tuple[Following, list[Any]]:
        """Return what follows the tasks that a page asks for, and its first events. Raises as `open_following`."""
        return open_following(asked, self.visitors, self._files)

    def client_of(self, asked: Asked) -> str:
        """Return whose streams are counted together."""
        owner = self.visitors.owner(asked)
        return f"address {asked.address}" if owner is None else f"owner {owner}"

    def guarded(self, asked: Asked, answer: Callable[[], Answer]) -> Answer:
        """Return an answer, or a refusal of the body; what goes wrong is logged, and told to nobody else."""
        try:
            check_body(asked)
            return answer()
        except Exception as error:  # noqa: BLE001 - it is logged there
            return self.failure(asked, error)

    def failure(self, asked: Asked, error: Exception) -> Answer:
        """Return what is said of an error: of one that is no refusal, nothing but that it was logged."""
        if isinstance(error, Refusal):
            return self._refused(asked, error)
        if isinstance(error, StoreError | FileAreaError):
            logger.warning("The tasks of a page can't be asked: %s", error)
            return self._refused(asked, Refusal(HTTPStatus.SERVICE_UNAVAILABLE, TROUBLE, Retry_After="2"))
        logger.error("A page of tasks could not be made.", exc_info=error)
        return self._refused(asked, Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "This has failed. It was logged."))

    def note_trouble(self, error: Exception) -> None:
        """Log why tasks can't be asked, which the pages that wait for news are not told; at most once a minute."""
        if time.monotonic() >= self._tells_again_at:
            self._tells_again_at = time.monotonic() + _TOLD_SECONDS
            logger.warning("Pages that wait for news of tasks are told of none: %s", error)

    def _refused(self, asked: Asked, refusal: Refusal) -> Answer:
        if asked.accepts(_HTML):
            return self._pages.refusal(refusal)
        return refused(refusal)

    def _answer(self, asked: Asked) -> Answer:
        method, answer = self._route(asked.path)
        _check_method(asked, method)
        return answer(asked)

    def _route(self, path: str) -> tuple[str, Callable[[Asked], Answer]]:
        """Return by which method a path can be asked for, and what answers."""
        match path.split("/"):
            case [name] if name in ASSETS:
                return "GET", partial(asset, name)
            case ["mine"]:
                return "GET", self._mine
            case [ref]:
                return "GET", partial(self._task, ref)
            case [ref, "cancel"]:
                return "POST", partial(self._cancel, ref)
            case [ref, "files", name]:
                return "GET", partial(self._file, ref, name)
            case [ref, part] if part in {"logs", "result"}:
                return "GET", partial(self._logs if part == "logs" else self._result, ref)
        raise not_found()

    def _task(self, ref: str, asked: Asked) -> Answer:
        _, seen = self.visitors.find(asked, ref)
        (content,) = self._snapshots(asked, [seen])
        if asked.accepts(_HTML):
            return self._pages.task(content)
        return json_answer(content, headers=[("Vary", "Accept")])

    def _logs(self, ref: str, asked: Asked) -> Answer:
        after = asked.number("after", 0, most=2**31 - 1)
        handle, _ = self.visitors.find(asked, ref, "logs")
        lines = handle.waiters.store.logs(handle.id, after, MOST_LINES)
        content = {
            "lines": lines_of(lines, after),
            "next": after + len(lines),
            "more": len(lines) == MOST_LINES,
        }
        return json_answer(content)

    def _result(self, ref: str, asked: Asked) -> Answer:
        _, seen = self.visitors.find(asked, ref, "result")
        if not has_result(seen.info):
            state = STATES[seen.info.state]
            sentence = error_of(seen.info) or f"There is no result: the task is {state}."
            raise Refusal(HTTPStatus.CONFLICT, sentence)
        return json_answer({"result": mask_secrets(seen.info.result)})

    def _file(self, ref: str, name: str, asked: Asked) -> Answer:
        handle, _ = self.visitors.find(asked, ref, "files")
        file = handle.files().get(name)
        if file is None:
            raise not_found()
        return download(file, asked)

    def _cancel(self, ref: str, asked: Asked) -> Answer:
        check_same_origin(asked, self._trusted)
        handle, _ = self.visitors.find(asked, ref, "cancel")
        handle.cancel()
        if asked.accepts(_HTML):  # a form of the page without a script: back to it
            return Answer(status=HTTPStatus.SEE_OTHER, headers=[("Location", f"../{ref}"), *COMMON_HEADERS])
        _, seen = self.visitors.find(asked, ref)
        (content,) = self._snapshots(asked, [seen])
        return json_answer(content)

    def _mine(self, asked: Asked) -> Answer:
        owner = self.visitors.owner(asked)
        if not owner:
            raise not_found()
        limit = max(1, asked.number("limit", 20, most=MOST_TASKS))
        after = asked.parameters.get("after")
        found = list(
            find_tasks(
                self.visitors.client.store,
                owner=owner,
                states=_states(asked.parameters.get("state")),
                after_id=self.visitors.handle(after).id if after else None,
                limit=limit,
            )
        )
        refs = {info.id: self.visitors.client.handle(info.id).ref for info in found}
        seen = [each for info in found if (each := self.visitors.see(asked, refs[info.id], info))]
        content = {
            "tasks": self._snapshots(asked, seen),
            "next": refs[found[-1].id] if len(found) == limit else None,
        }
        return json_answer(content)

    def _snapshots(self, asked: Asked, tasks: Sequence[Seen]) -> list[dict[str, Any]]:
        client = self.visitors.client
        foreseen = estimates_of(client, (seen.info for seen in tasks))
        return [
            snapshot(
                seen,
                asked.base,
                files_now(client, seen.info) if "files" in seen.granted else (),
                foreseen.get(seen.info.id),
            )
            for seen in tasks
        ]


def _check_method(asked: Asked, method: str) -> None:
    """Refuse other methods."""
    allowed = ("GET", "HEAD") if method == "GET" else (method,)
    if asked.method not in allowed:
        sentence = f"Only {method} can be asked for here."
        raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED, sentence, Allow=", ".join(allowed))


def _states(word: str | None) -> list[TaskState] | None:
    """Return the states that the pages have one word for; None for all.

    Raises:
        Refusal: there is no such word.
    """
    if not word:
        return None
    states = [state for state, shown in STATES.items() if shown == word]
    if not states:
        known = ", ".join(dict.fromkeys(STATES.values()))
        raise Refusal(HTTPStatus.BAD_REQUEST, f"'state' must be one of: {known}.")
    return states


def _checked_texts(texts: Mapping[str, str]) -> Mapping[str, str]:
    known = {*TEXTS, *TEXTS_OF_ELEMENT}
    unknown = sorted(set(texts) - known)
    if unknown:
        names = ", ".join(sorted(known))
        raise ConfigurationError(f"'texts' has {unknown[0]!r:.100}, which no page says. It may have: {names}.")
    return texts
