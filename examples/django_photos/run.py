"""Make the tables, then run the tasks and the site until Ctrl-C. In production, these are three commands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PORT = os.environ.get("PORT", "8000")
MANAGE = [sys.executable, str(HERE / "manage.py")]
WORKER = [*MANAGE, "lilota_worker", "--reload", "--grace-seconds", "5"]
# A thread for each request, so that pages ask again and again (long polls); or an event loop, which sends them streams.
WSGI = [*MANAGE, "runserver", f"127.0.0.1:{PORT}"]
ASGI = [sys.executable, "-m", "uvicorn", "mysite.asgi:application", "--app-dir", str(HERE), "--port", PORT]
ASGI += ["--lifespan", "off", "--timeout-graceful-shutdown", "1"]  # open streams would else be waited for


def main() -> int:
    """Run until one of them ends, or somebody ends this."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, lambda *_: sys.exit(0))
    subprocess.run([*MANAGE, "migrate", "--verbosity", "0"], check=True)
    # Groups of their own: a terminal would send Ctrl-C to each of them, too, and what comes twice stops tasks at once.
    commands = (WORKER, ASGI if "--asgi" in sys.argv[1:] else WSGI)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(subprocess.Popen(command, process_group=0) for command in commands)
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait() for process in processes]
    return max(codes)


if __name__ == "__main__":
    sys.exit(main())
