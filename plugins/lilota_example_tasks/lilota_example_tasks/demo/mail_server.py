"""A mail server in a thread, on a free port of this machine, that keeps what it gets in a folder."""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session

from lilota_example_tasks.shared import write_whole

HOST: Final = "127.0.0.1"


class MailFolder:
    """Keeps each mail as a file `NUMBER-ADDRESS.eml`, which mail programs open; refuses one address.

    Args:
        seconds_per_mail: how long taking a mail lasts; servers on the internet are not quick either.
    """

    def __init__(self, folder: Path, refused: str, seconds_per_mail: float = 0.1) -> None:
        self._folder = folder
        self._refused = refused
        self._seconds_per_mail = seconds_per_mail
        self._numbers = itertools.count(1)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == self._refused:
            return "550 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        await asyncio.sleep(self._seconds_per_mail)
        address = re.sub(r"[^\w.@+-]", "_", envelope.rcpt_tos[0])
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        write_whole(self._folder / f"{next(self._numbers):02d}-{address}.eml", content)
        return "250 Kept"


@contextmanager
def running_mail_server(
    handler: object,
    *,
    tls: ssl.SSLContext | None = None,
    **options: Any,  # noqa: ANN401 - aiosmtpd's options
) -> Iterator[int]:
    """Run a server and give its port.

    Args:
        tls: makes it speak TLS from the start.
        options: those of `aiosmtpd.smtp.SMTP`.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mail server", daemon=True)
    thread.start()
    try:
        serving = loop.create_server(lambda: SMTP(handler, loop=loop, **options), HOST, 0, ssl=tls)
        server = asyncio.run_coroutine_threadsafe(serving, loop).result()
        yield server.sockets[0].getsockname()[1]
        asyncio.run_coroutine_threadsafe(_close(server), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _close(server: asyncio.Server) -> None:
    """Stop listening, and end what the open connections wait for."""
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
