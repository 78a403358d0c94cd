"""A handler that cares for the record, not for its lines, as those do that send mails or reports of errors."""

from __future__ import annotations

import logging
from pathlib import Path

from django.utils.log import AdminEmailHandler


class Letters(logging.Handler):
    """Keeps a line for each record, in a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def emit(self, record: logging.LogRecord) -> None:
        with self._path.open("a") as file:
            file.write(f"{record.msg}\n")


class Mails(AdminEmailHandler):
    """Keeps the subject of each mail to the administrators, in a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def send_mail(self, subject: str, *_: object, **__: object) -> None:
        with self._path.open("a") as file:
            file.write(f"{subject}\n")
