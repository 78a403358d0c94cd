"""A handler that cares for the record, not for its lines, as those do that send mails or reports of errors."""

from __future__ import annotations

import logging
from pathlib import Path


class Letters(logging.Handler):
    """Keeps a line for each record, in a file."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def emit(self, record: logging.LogRecord) -> None:
        with self._path.open("a") as file:
            file.write(f"{record.msg}\n")
