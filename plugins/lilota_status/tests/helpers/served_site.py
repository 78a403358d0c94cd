"""The pages of tasks as programs of many servers import them; the store is that of the environment."""

from __future__ import annotations

from lilota_status.asgi import status_app
from lilota_status.limits import Limits
from lilota_status.wsgi import status_wsgi

from lilota import TaskClient

_client = TaskClient(accept_unknown_names=True)
_options = {
    "allow": lambda _request, _task, _action: True,
    "owner": lambda _request: "me",
    "limits": Limits(streams_per_client=3),
}

asgi = status_app(_client, **_options)
wsgi = status_wsgi(_client, **_options)
