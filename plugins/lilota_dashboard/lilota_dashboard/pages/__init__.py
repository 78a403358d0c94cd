"""The pages: each file has what one of them is asked for, and what it answers."""

from __future__ import annotations

from typing import Final

from starlette.routing import BaseRoute, Route

from lilota_dashboard.pages import bulk, files, login, names, overview, palette, plugins, store, streams, task, tasks
from lilota_dashboard.static_files import static_file

#: In the order in which they are tried.
ROUTES: Final[list[BaseRoute]] = [
    Route("/", overview.show, methods=["GET"]),
    Route("/tasks", tasks.show, methods=["GET"]),
    Route("/tasks/all", bulk.preview, methods=["GET"]),
    Route("/tasks/all", bulk.act, methods=["POST"]),
    Route("/tasks/{task_id}", task.show, methods=["GET"]),
    Route("/tasks/{task_id}/log", task.log, methods=["GET"]),
    Route("/tasks/{task_id}/stack", task.stack, methods=["GET"]),
    Route("/tasks/{task_id}/again", names.again, methods=["GET"]),
    Route("/tasks/{task_id}/files/{name:path}", files.download, methods=["GET"]),
    Route("/tasks/{task_id}/{action}", task.act, methods=["POST"]),
    Route("/names", names.show_all, methods=["GET"]),
    Route("/names/{name:path}", names.show, methods=["GET"]),
    Route("/names/{name:path}", names.add, methods=["POST"]),
    Route("/plugins", plugins.show, methods=["GET"]),
    Route("/store", store.show, methods=["GET"]),
    Route("/store/examination", store.examine, methods=["GET"]),
    Route("/palette", palette.show, methods=["GET"]),
    Route("/events", streams.everything, methods=["GET"]),
    Route("/events/{task_id}", streams.of_task, methods=["GET"]),
    Route("/login", login.log_in, methods=["POST"]),
    Route("/logout", login.log_out, methods=["POST"]),
    Route("/health", login.health, methods=["GET"]),
    Route("/static/{version}/{name:path}", static_file, methods=["GET"]),
]
