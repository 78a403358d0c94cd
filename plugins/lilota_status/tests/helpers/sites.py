"""Web applications with a strict Content-Security-Policy, whose pages have the elements in them."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack

import uvicorn
from lilota_test_servers import held_port
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as WsgiResponse

WAIT_SECONDS = 60
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'"
)
STYLE = """
:root { color-scheme: light dark }
body { margin: 0; color: light-dark(#1b1d21, #e6e7ea); background: light-dark(#fff, #15171a) }
body { font: 16px/1.5 Inter, system-ui, sans-serif }
main { max-width: 40rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.25rem }
"""
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>Photographs</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/style.css">
<script src="/tasks/lilota.js" defer></script></head><body><main><h1>Your tasks</h1>{body}</main></body></html>"""


class Site:
    """An ASGI application behind uvicorn, in a thread, which can be stopped and started again at the same address."""

    def __init__(self, tasks) -> None:
        self._bodies: list[str] = []
        routes = [Route("/style.css", self._style), Route("/{number:int}", self._page), Mount("/tasks", tasks)]
        self._app = Starlette(routes=routes)
        self._held = ExitStack()
        self.port = self._held.enter_context(held_port())
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def with_page(self, body: str, lang: str = "en") -> str:
        """Return the address of a new page."""
        self._bodies.append(PAGE.format(body=body, lang=lang))
        return f"{self.url}/{len(self._bodies) - 1}"

    def start(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._server = uvicorn.Server(uvicorn.Config(self._app, log_level="warning", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True)
        self._thread.start()
        ends_at = time.monotonic() + WAIT_SECONDS
        while not self._server.started:
            assert time.monotonic() < ends_at
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop it, until `start`; its port stays its own."""
        self._server.should_exit = True
        self._thread.join(WAIT_SECONDS)

    def close(self) -> None:
        self.stop()
        self._held.close()

    async def _page(self, request) -> Response:
        return HTMLResponse(self._bodies[request.path_params["number"]], headers={"Content-Security-Policy": POLICY})

    async def _style(self, request) -> Response:
        return Response(STYLE, media_type="text/css")


class WsgiSite:
    """A WSGI application behind the development server of werkzeug, which has a thread for each request."""

    def __init__(self, tasks) -> None:
        self._bodies: list[str] = []
        application = DispatcherMiddleware(self._answer, {"/tasks": tasks})
        self._server = make_server("127.0.0.1", 0, application, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    def with_page(self, body: str) -> str:
        """Return the address of a new page."""
        self._bodies.append(PAGE.format(body=body, lang="en"))
        return f"{self.url}/{len(self._bodies) - 1}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join(WAIT_SECONDS)
        self._server.server_close()

    def _answer(self, environ, start_response):
        path = environ["PATH_INFO"].removeprefix("/")
        answer = (
            WsgiResponse(self._bodies[int(path)], mimetype="text/html")
            if path.isdecimal()
            else WsgiResponse(STYLE, mimetype="text/css")
        )
        answer.headers["Content-Security-Policy"] = POLICY
        return answer(environ, start_response)
