"""The control socket of a runner: what another program of its user, on its machine, may ask it.

One question and one answer, each a JSON object, for each connection; one connection at a time. Only programs of the
runner's user, and of root, are answered.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import struct
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable
from typing import Final

import msgspec

from lilota.errors import LilotaError
from lilota.models import JSONObject

logger: logging.Logger = logging.getLogger(__name__)

#: Who connects has to ask, and to take the answer, within this time: the next one waits.
_PATIENCE_SECONDS: Final = 2.0
#: How long one who asks waits for the answer; others may have asked before.
_ANSWER_SECONDS: Final = 15.0
_QUESTION_LIMIT_BYTES: Final = 4096
_ANSWER_LIMIT_BYTES: Final = 4 * 1024 * 1024
#: What SO_PEERCRED gives: process, user, group.
_CREDENTIALS: Final = struct.Struct("3i")

#: Answers a question, in the thread of the socket.
Answer = Callable[[JSONObject], JSONObject]


class ControlError(LilotaError):
    """A runner could not be asked; the message says why and what to do."""


class ControlSocket:
    """The runner's side.

    Attributes:
        address: what `ask` needs; "" if this system has no such sockets, or the runner could not make one.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._folder: str | None = None
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="lilota-control", daemon=True)
        self.address: str = ""

    def start(self) -> None:
        """Begin to listen. A runner works without it as well, so that it can't is only a line in the log."""
        if not hasattr(socket, "AF_UNIX"):
            return
        try:
            self._listener, self.address = self._listen()
        except OSError as error:
            logger.warning("The runner has no control socket, so `lilota stack` can't ask it: %s", error)
            return
        self._thread.start()

    def stop(self) -> None:
        """End the thread and the socket."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # which wakes who accepts
            listener.close()
            self._thread.join(_PATIENCE_SECONDS)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _listen(self) -> tuple[socket.socket, str]:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if sys.platform == "linux":
                # A name without a file: nothing is left of it, and a temporary folder of its own hides it from nobody.
                address = f"@lilota-{uuid.uuid4().hex}"
            else:
                self._folder = tempfile.mkdtemp(prefix="lilota-")  # which only its user can enter
                address = os.path.join(self._folder, "control")
            listener.bind(_bindable(address))
            listener.listen(8)
        except BaseException:
            listener.close()
            raise
        return listener, address

    def _serve(self) -> None:
        while (listener := self._listener) is not None:
            try:
                connection, _address = listener.accept()
            except OSError:
                if self._listener is not None:
                    logger.exception("The control socket of the runner failed; `lilota stack` can't ask it any more.")
                return
            with connection:
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_PATIENCE_SECONDS)
            user = _user_of(connection)
            if user not in {None, 0, os.geteuid()}:
                answer: JSONObject = {"refused": f"It belongs to the user {os.geteuid()}: run the command as that one."}
            else:
                question = msgspec.json.decode(_receive(connection, _QUESTION_LIMIT_BYTES), type=dict[str, object])
                answer = self._answer(question)
            connection.sendall(msgspec.json.encode(answer) + b"\n")
        except (OSError, msgspec.MsgspecError) as error:
            logger.debug("Somebody asked the runner, and did not wait for the answer or asked nonsense: %s", error)
        except Exception:
            logger.exception("The runner could not answer what it was asked.")


def ask(address: str, question: JSONObject) -> JSONObject:
    """Ask a runner on this machine.

    Raises:
        ControlError: it can't be reached, refuses, or does not answer.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise ControlError("This system has no sockets by which a runner could be asked.")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER_SECONDS)
            connection.connect(_bindable(address))
            _check_server(connection)
            with contextlib.suppress(BrokenPipeError):  # it refuses without having read; the answer says why
                connection.sendall(msgspec.json.encode(question) + b"\n")
            answer = msgspec.json.decode(_receive(connection, _ANSWER_LIMIT_BYTES), type=dict[str, object])
    except PermissionError as error:
        raise ControlError("It belongs to another user: run the command as that one, or as root.") from error
    except (ConnectionRefusedError, FileNotFoundError) as error:
        raise ControlError(
            "It can't be reached from here: it has just ended, or runs in another container. Type it there."
        ) from error
    except TimeoutError as error:
        raise ControlError(f"It did not answer within {_ANSWER_SECONDS:g} s.") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise ControlError(f"It could not be asked: {error}.") from error
    if "refused" in answer:
        raise ControlError(str(answer["refused"]))
    return answer


def _bindable(address: str) -> str:
    return f"\0{address[1:]}" if address.startswith("@") else address


def _receive(connection: socket.socket, limit_bytes: int) -> bytes:
    """Return a line.

    Raises:
        OSError: it is too long, or ends before its end.
    """
    received = bytearray()
    while not received.endswith(b"\n"):
        data = connection.recv(65_536)
        received += data
        if not data or len(received) > limit_bytes:
            raise ConnectionError("it said too little, or too much")
    return bytes(received)


def _check_server(connection: socket.socket) -> None:
    """Make sure that it is no stranger who has taken the name of a runner that is gone."""
    user = _user_of(connection)
    if user not in {None, 0, os.geteuid()} and os.geteuid() != 0:
        raise PermissionError(f"it belongs to the user {user}")


def _user_of(connection: socket.socket) -> int | None:
    """Return the user at the other end, None where only the folder of the socket keeps others out."""
    if sys.platform != "linux":
        return None
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(raw)[1])
