"""The pages in ASGI servers: mounted in each framework, and by themselves."""

from __future__ import annotations

import pytest
from lilota_status.asgi import status_app

pytestmark = pytest.mark.usefixtures("patient_streams")


def everything(_request, _task, _action):
    return True


def plain(app):
    return app, "", ""


def in_starlette(app):
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/my/tasks", app)]), "/my/tasks", ""


def in_fastapi(app):
    from fastapi import FastAPI

    api = FastAPI()
    api.mount("/tasks", app)
    return api, "/tasks", ""


def below_a_path(app):
    from fastapi import FastAPI

    api = FastAPI()
    api.mount("/tasks", app)
    return api, "/tasks", "/shop"  # a proxy takes away the beginning of the path, and the server knows that


def in_litestar(app):
    from litestar import Litestar, asgi

    return Litestar([asgi("/tasks", is_mount=True, copy_scope=True)(app)]), "/tasks", ""


@pytest.fixture(params=[plain, in_starlette, in_fastapi, below_a_path, in_litestar], ids=lambda mount: mount.__name__)
def visitor(request, serve, client):
    mounted, base, root_path = request.param(status_app(client, allow=everything))
    visitor = serve(mounted, root_path=root_path, base=base)
    visitor.outside = root_path + base
    return visitor


def test_a_task_is_seen_to_its_end(visitor, client, runner, tmp_path):
    """As JSON, with its log, its result, and addresses that lead back."""
    (tmp_path / "there").write_text("forty-two")
    ref = client.add("wait_for", "Wait a while", {"path": str(tmp_path / "there")}).ref

    done = visitor.until(ref, "succeeded")

    assert (done["title"], done["percentage"], done["message"]) == ("Wait a while", 100, "Waiting for a file")
    assert done["links"]["self"] == f"{visitor.outside}/{ref}"
    assert visitor.get(f"{ref}/result").json() == {"result": "forty-two"}
    lines = visitor.get(f"{ref}/logs").json()["lines"]
    assert [line["text"] for line in lines] == ["It begins", "It ends"]


def test_a_stream_tells_all_to_the_end(visitor, client, runner, tmp_path):
    """The state, the progress and the lines, as they come; then it says that all is done, and ends."""
    there = tmp_path / "there"
    ref = client.add("wait_for", input={"path": str(there)}).ref

    with visitor.events([ref], logs=ref) as events:
        told = []
        for kind, data, _ in events:
            told.append((kind, data))
            if data.get("message"):
                there.write_text("x")

    kinds = [kind for kind, _ in told]
    assert kinds[-1] == "done"
    assert set(kinds[:-1]) == {"task"}
    assert told[-2][1]["state"] == "succeeded"
    assert [line["text"] for _, data in told[:-1] for line in data["lines"]] == ["It begins", "It ends"]
    assert any(data["state"] == "running" and data["percentage"] == 25 for _, data in told[:-1])
