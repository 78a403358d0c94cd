"""The pages of tasks as a WSGI application: without event streams, which would each hold a thread.

application = DispatcherMiddleware(application, {"/tasks": status_wsgi(client, allow=...)})
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Unpack

from lilota_status.kit import StatusKit
from lilota_status.options import Options
from lilota_status.polls import ThreadPolls
from lilota_status.records import Answer, Asked, Headers, json_answer
from lilota_status.visitors import Clients

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def status_wsgi(
    client: Clients, *, request_class: Callable[[WSGIEnvironment], Any] | None = None, **options: Unpack[Options]
) -> StatusWsgi:
    """Return a WSGI application with the pages of the tasks of a client.

    Args:
        client: a `TaskClient`, a `TaskRunner`, or a function that makes a client when the first visitor comes.
        request_class: makes of an environment what `allow` and `owner` get; None gives them that.
        options: see `Options`.

    Raises:
        ConfigurationError: an option can't be used.
    """
    return StatusWsgi(ThreadAnswers(StatusKit(client, **options)), request_class)


class ThreadAnswers:
    """Answers requests in the thread that asks, for servers that have a thread for each."""

    def __init__(self, kit: StatusKit) -> None:
        self.kit: StatusKit = kit
        self._polls = ThreadPolls(kit)

    def answer(self, asked: Asked, *, has_threads: bool) -> Answer:
        """Answer a request.

        Args:
            has_threads: whether the server has other threads for those who ask meanwhile.
        """
        if asked.path != "events" or asked.method != "GET":
            return self.kit.answer(asked)
        if asked.accepts("text/event-stream"):
            return self.kit.guarded(asked, _no_stream)
        return self._polls.answer(asked, has_threads=has_threads)


def _no_stream() -> Answer:
    error = "There are no event streams here; ask for application/json."
    return json_answer({"error": error, "poll": True}, HTTPStatus.NOT_ACCEPTABLE)


class StatusWsgi:
    """Such an application; `status_wsgi` makes it."""

    def __init__(self, answers: ThreadAnswers, request_class: Callable[[WSGIEnvironment], Any] | None) -> None:
        self._answers = answers
        self._request_class = request_class

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        native = environ if self._request_class is None else self._request_class(environ)
        answer = self._answers.answer(asked_in(environ, native), has_threads=bool(environ.get("wsgi.multithread")))
        start_response(f"{answer.status:d} {HTTPStatus(answer.status).phrase}", allowed_headers(answer))
        if environ["REQUEST_METHOD"] == "HEAD":
            answer.close()
            return []
        return answer.pieces()  # the server closes them


def asked_in(environ: WSGIEnvironment, native: object) -> Asked:
    """Return the request that an environment stands for."""
    return Asked(
        method=environ["REQUEST_METHOD"],
        path=_text(environ.get("PATH_INFO", "")).lstrip("/"),
        query=environ.get("QUERY_STRING", ""),
        headers=_headers(environ),
        base=_text(environ.get("SCRIPT_NAME", "")).rstrip("/"),
        native=native,
        address=environ.get("REMOTE_ADDR", ""),
    )


def allowed_headers(answer: Answer) -> Headers:
    """Return the headers of an answer but for `Connection`: what becomes of that is the server's (PEP 3333)."""
    return [(name, value) for name, value in answer.all_headers() if name != "Connection"]


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    given = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    if environ.get("CONTENT_LENGTH"):
        given["CONTENT_LENGTH"] = environ["CONTENT_LENGTH"]
    return {name.replace("_", "-").lower(): value for name, value in given.items()}


def _text(path: str) -> str:
    """Return a path as it was meant: WSGI has each of its bytes as a character."""
    return path.encode("latin-1").decode(errors="replace")
