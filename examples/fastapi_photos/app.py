"""Upload photographs and get thumbnails, or order a report: both run as tasks, which their owner watches live."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Form, Request, UploadFile
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from lilota_status.asgi import status_app
from photo_tasks import make_report, make_thumbnails
from starlette.middleware.sessions import SessionMiddleware

from lilota import TaskRunner

HERE = Path(__file__).resolve().parent
# Whoever has the key can make references and sessions: outside of a trial, keep a long random one.
KEY = os.environ.get("APP_KEY", "only for a trial")

runner = TaskRunner("sqlite:///photos.db", ref_keys=[KEY], stop_seconds=5)
app = FastAPI(lifespan=runner.lifespan)


def visitor(request: Request) -> str:
    """Return who asks. Here everybody is a visitor of their own; an application with accounts returns the account."""
    return request.session.setdefault("visitor", secrets.token_hex(16))


app.mount(
    "/tasks",
    status_app(runner, owner=visitor, allow=lambda request, task, _action: task.owner == visitor(request)),
)
app.mount("/static", StaticFiles(directory=HERE / "static"))
app.add_middleware(SessionMiddleware, secret_key=KEY, same_site="lax")


@app.get("/")
def index(request: Request) -> Response:
    """Show the forms, and the tasks of who asks."""
    visitor(request)  # so that there is one before the page asks for its tasks
    policy = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    return FileResponse(HERE / "index.html", headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"})


@app.post("/thumbnails")
def add_thumbnails(request: Request, photos: list[UploadFile]) -> Response:
    """Add a task for the photographs. A plain `def`: uploads and tasks are written to the disk meanwhile."""
    uploads = [runner.client.upload(photo.file, name=Path(photo.filename or "photo").name) for photo in photos]
    runner.add(make_thumbnails.bind(photos=uploads), owner=visitor(request))
    return RedirectResponse("/", status_code=303)


@app.post("/reports")
def add_report(request: Request, year: Annotated[int, Form(ge=1900, le=2100)]) -> Response:
    """Add a task for a report."""
    runner.add(make_report.bind(year=year), owner=visitor(request))
    return RedirectResponse("/", status_code=303)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
