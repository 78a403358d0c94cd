"""Order a report and watch it: the smallest application with status pages."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from flask import Flask, Request, redirect, request, send_file, session
from lilota_status.flask import status_blueprint
from report_tasks import make_report

from lilota import TaskRunner

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue

app = Flask(__name__)
# Whoever has the key can make references and sessions: outside of a trial, keep a long random one.
app.secret_key = os.environ.get("APP_KEY", "only for a trial")
runner = TaskRunner("sqlite:///reports.db", ref_keys=[app.secret_key])


def visitor(_request: Request) -> str:
    """Return who asks; an application with accounts returns the account."""
    return session.setdefault("visitor", secrets.token_hex(16))


tasks = status_blueprint(runner, owner=visitor, allow=lambda request, task, _action: task.owner == visitor(request))
app.register_blueprint(tasks, url_prefix="/tasks")


@app.get("/")
def index() -> ResponseReturnValue:
    """Show the form, and the tasks of who asks."""
    visitor(request)  # so that there is one before the page asks for its tasks
    return send_file("index.html")


@app.post("/")
def add() -> ResponseReturnValue:
    """Add a task."""
    runner.add(make_report.bind(pages=request.form.get("pages", 10, int)), owner=visitor(request))
    return redirect("/", 303)


if __name__ == "__main__":
    with runner:
        app.run(port=int(os.environ.get("PORT", "8000")), threaded=True)
