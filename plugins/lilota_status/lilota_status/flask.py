"""The pages of tasks as a Flask blueprint.

app.register_blueprint(status_blueprint(client, allow=...), url_prefix="/tasks")
"""

from __future__ import annotations

from typing import Unpack

from flask import Blueprint, Response, request
from msgspec.structs import replace

from lilota_status.kit import StatusKit
from lilota_status.options import Options
from lilota_status.visitors import Clients
from lilota_status.wsgi import ThreadAnswers, allowed_headers, asked_in

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def status_blueprint(client: Clients, name: str = "lilota_status", **options: Unpack[Options]) -> Blueprint:
    """Return a blueprint with the pages of the tasks of a client; `allow` and `owner` get the request of Flask.

    Args:
        client: a `TaskClient`, a `TaskRunner`, or a function that makes a client when the first visitor comes.
        name: of the blueprint.
        options: see `Options`.

    Raises:
        ConfigurationError: an option can't be used.
    """
    answers = ThreadAnswers(StatusKit(client, **options))
    blueprint = Blueprint(name, __name__)

    # All methods come here: those that are not meant are refused in the same way for every framework.
    @blueprint.route("/<path:path>", methods=_METHODS, provide_automatic_options=False)
    def task(path: str) -> Response:
        asked = asked_in(request.environ, request._get_current_object())  # type: ignore[attr-defined]  # noqa: SLF001 - documented, and no other way
        base = f"{request.script_root}{request.path}".removesuffix(path).rstrip("/")
        answer = answers.answer(replace(asked, path=path, base=base), has_threads=request.is_multithread)
        response = Response(answer.pieces(), answer.status, allowed_headers(answer), direct_passthrough=True)
        response.call_on_close(answer.close)
        return response

    return blueprint
