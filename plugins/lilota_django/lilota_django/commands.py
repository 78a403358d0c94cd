"""What is typed in a terminal of a Django project, where `manage.py` knows its settings."""

from __future__ import annotations

from typing import Final

from lilota.contract import Commands

COMMANDS: Final = Commands("manage.py lilota_worker", "manage.py lilota")
