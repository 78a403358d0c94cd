"""The pages of tasks below a path behind a real nginx, with the configurations of the documentation."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import httpx
import pytest
import servers
from flask import Flask
from lilota_status.asgi import status_app
from lilota_status.flask import status_blueprint
from lilota_test_servers import NginxServer, available_or_skip, make_certificates
from starlette.applications import Starlette
from starlette.routing import Mount

from lilota.errors import ConfigurationError

PAGE = Path(__file__).parents[3] / "docs/how-to/behind-nginx.md"
CONFIGURATION = re.compile(r"^```nginx\n# file: shop\.conf\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MIDDLEWARE = re.compile(r"^```python\n(from werkzeug.*?)^```$", re.MULTILINE | re.DOTALL)
LOCATION = "https://localhost"

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the documentation is not here")


def _asgi(client, **options):
    app = Starlette(routes=[Mount("/tasks", status_app(client, **options))])
    return servers.AsgiServer(app, root_path="/shop")


def _flask(client, **options):
    app = Flask("shop")
    app.register_blueprint(status_blueprint(client, **options), url_prefix="/tasks")
    exec(MIDDLEWARE.search(PAGE.read_text(encoding="utf-8"))[1], {"app": app})
    return servers.WsgiServer(app)


@pytest.fixture(params=[_asgi, _flask], ids=["ASGI", "Flask"])
def shop(request, client, tmp_path):
    """Somebody who visits an application behind nginx."""
    server = request.param(client, allow=lambda *_: True)
    behind = str(server.visitor().http.base_url.port)
    text = CONFIGURATION.search(PAGE.read_text(encoding="utf-8"))[1].replace("127.0.0.1:8000", f"127.0.0.1:{behind}")
    text = re.sub(r"/etc/ssl/private/\w+\.(pem|key)", r"server.\1", text)
    certificates = make_certificates(tmp_path)
    nginx = available_or_skip(
        lambda: NginxServer(lambda port: text.replace("listen 443", f"listen 127.0.0.1:{port}"), certificates)
    )
    visitor = servers.Visitor(f"{LOCATION}:{nginx.port}", "/shop/tasks")
    visitor.http.close()
    trusting = ssl.create_default_context(cafile=certificates.ca)
    visitor.http = httpx.Client(base_url=f"{LOCATION}:{nginx.port}", verify=trusting, timeout=servers.WITHIN_SECONDS)
    yield visitor
    visitor.http.close()
    nginx.close()
    server.stop()


def test_its_links_lead_through_the_path(shop, client):
    """What a snapshot names can be asked for as it is written."""
    ref = client.add("task").ref

    found = shop.get(ref).json()

    assert found["links"]["self"].endswith(f"/shop/tasks/{ref}")
    assert {shop.http.get(found["links"][name]).status_code for name in ("self", "logs")} == {200}


def test_a_page_of_the_same_origin_cancels_and_no_other(shop, client):
    """By `Origin` alone too, because nginx hands on the host."""
    handle = client.add("task")

    refused = shop.post(f"{handle.ref}/cancel", Origin="https://shop.example.org")
    done = shop.post(f"{handle.ref}/cancel", Origin=str(shop.http.base_url).rstrip("/"))

    assert (refused.status_code, done.status_code) == (403, 200)


def test_a_poll_is_answered_when_something_happens(shop, client):
    """And goes on where the last one was."""
    handle = client.add("task")
    answer = shop.poll([handle.ref])
    handle.cancel()

    again = shop.poll([handle.ref], after=answer["after"])

    assert [each["event"] for each in answer["events"]] == ["task"]
    assert again["done"]
    assert again["events"][0]["data"]["state"] == "cancelled"


@pytest.mark.usefixtures("patient_streams")
@pytest.mark.parametrize("shop", [_asgi], indirect=True)
def test_each_event_of_a_stream_comes_through_while_it_lasts(shop, client):
    """nginx holds nothing back until the end, and a stream goes on where it was."""
    handle = client.add("task")

    with shop.events([handle.ref]) as events:
        kind, data, cursor = next(events)
        handle.cancel()
        later = next(events)
    with shop.events([handle.ref], after=later[2]) as events:
        rest = [each[0] for each in events]

    assert (kind, data["state"], later[1]["state"]) == ("task", "waiting", "cancelled")
    assert cursor
    assert rest == ["done"]


@pytest.mark.usefixtures("runner")
def test_a_part_of_a_file_comes_through(shop, client):
    """With its range, as a browser that goes on with a download asks for it."""
    ref = client.add("attach", input={"files": {"report.txt": "It is done."}}).ref
    (file,) = shop.until(ref, "succeeded")["files"]

    part = shop.http.get(file["url"], headers={"Range": "bytes=3-4"})

    assert (part.status_code, part.text) == (206, "is")
    assert part.headers["content-range"] == "bytes 3-4/11"


def test_a_trusted_origin_that_is_none_is_refused(client):
    """The sentence says what to write."""
    with pytest.raises(ConfigurationError, match=r"is no origin\. Write"):
        status_app(client, trusted_origins=["shop.example.org"])
    with pytest.raises(ConfigurationError, match="are a list"):
        status_app(client, trusted_origins="https://shop.example.org")


def test_where_the_proxy_changes_host_only_a_trusted_origin_acts(client):
    """A site that the browser calls another one stays refused."""
    handle = client.add("task")
    server = servers.AsgiServer(status_app(client, allow=lambda *_: True, trusted_origins=["https://shop.example.org"]))
    try:
        visitor = server.visitor()
        path = f"{handle.ref}/cancel"
        refused = [
            visitor.post(path, Origin="https://evil.example").status_code,
            visitor.post(path, Origin="https://shop.example.org", Sec_Fetch_Site="cross-site").status_code,
        ]
        assert refused == [403, 403]
        assert visitor.post(path, Origin="https://shop.example.org").status_code == 200
    finally:
        server.stop()
