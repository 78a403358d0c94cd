"""Receivers of webhooks and mails on loopback, which answer and behave as a test wants."""

from __future__ import annotations

import contextlib
import email
import email.policy
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

HOST = "127.0.0.1"
WAIT_SECONDS = 90


class Receiver:
    """Takes POSTs, and keeps them.

    Attributes:
        answers: the statuses of the next answers; without, 204.
        headers: what each answer has besides.
        requests: what came: headers, body.
    """

    def __init__(self, tls=None):
        self.answers, self.headers, self.requests = [], {}, []
        self.changed = threading.Condition()
        self.server = ThreadingHTTPServer((HOST, 0), self._handler())
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exception):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    @property
    def events(self):
        return [json.loads(body) for _, body in self.requests]

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, WAIT_SECONDS), self.requests
            return self.requests[:count]

    def _handler(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver.changed:
                    status = receiver.answers.pop(0) if receiver.answers else 204
                    receiver.requests.append((dict(self.headers), body))
                    receiver.changed.notify_all()
                self.send_response(status)
                for name, value in receiver.headers.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST  # noqa: N815 - http.server's name; a redirection that was followed would be one

            def log_message(self, *_arguments):
                pass

        return Handler


class RawReceiver:
    """Takes one connection after the other, and lets `behave(connection)` do with it what a test wants."""

    def __init__(self, behave):
        self.behave = behave
        self.server = socket.create_server((HOST, 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exception):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()

    def _serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):  # it was cut
                self.behave(connection)


class Mailbox:
    """Keeps the mails that a server takes; `refusals` are its next answers to a recipient."""

    def __init__(self):
        self.mails, self.envelopes, self.refusals = [], [], []
        self.changed = threading.Condition()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        if self.refusals:
            return self.refusals.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - as above
        with self.changed:
            self.mails.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
            self.envelopes.append(envelope.rcpt_tos)
            self.changed.notify_all()
        return "250 Kept"

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.mails) >= count, WAIT_SECONDS)
            return self.mails[:count]


class MailServer(Controller):
    """An SMTP server in a thread, on a free port, which `port` tells once it runs."""

    def __init__(self, handler, **options):
        with socket.create_server((HOST, 0)) as free:
            port = free.getsockname()[1]
        super().__init__(handler, hostname=HOST, port=port, **options)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.stop()
