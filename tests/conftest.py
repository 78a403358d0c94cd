"""Put `tests/helpers` on the import path: what tests share, and the task classes that worker processes import.

With pytest's import mode `importlib` a test module is not importable in a worker process; a module in
`tests/helpers` is, because workers get the import path of the process that starts the runner. Programs that a test
starts as `__main__` get it through PYTHONPATH, or import nothing from here.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

HELPERS = str(Path(__file__).parent / "helpers")

if HELPERS not in sys.path:
    sys.path.insert(0, HELPERS)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started by a shell in the background: programs that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
