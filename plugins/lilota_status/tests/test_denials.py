"""What the application has not allowed is denied, and nobody learns what there is behind the denial."""

from __future__ import annotations

import pytest
from attempts import Attempt
from servers import KEYS

from lilota.client import TaskClient
from lilota.models import TaskState

PATHS = ["{ref}", "{ref}/logs", "{ref}/result", "{ref}/files/report.pdf", "mine"]


def answers_to(visitor, ref):
    """Return what a visitor gets of a reference, whatever he asks for, without what differs by the moment."""
    gets = [visitor.get(path.format(ref=ref)) for path in PATHS]
    answers = [*gets, visitor.post(f"{ref}/cancel"), visitor.get(ref, headers={"Accept": "text/html"})]
    return [(answer.status_code, answer.content, answer.headers["Content-Type"]) for answer in answers]


def test_without_a_word_of_the_application_everything_is_denied(open_pages, client):
    """To mount the pages and to forget `allow` gives nothing away."""
    handle = client.add("task")
    ref = handle.ref
    visitor = open_pages(allow=None)

    assert {status for status, _, _ in answers_to(visitor, ref)} == {404}
    assert visitor.poll([ref])["events"] == [{"event": "gone", "data": {"ref": ref}}]
    assert handle.info().state is TaskState.PENDING


def test_unknown_tampered_foreign_pruned_and_denied_are_one_answer(open_pages, client, url):
    """Word for word, so nobody can tell a task of somebody else from none."""
    denied, pruned = client.add("secret").ref, client.handle(77).ref
    foreign = TaskClient(url, ref_keys=["a key of another application"], accept_unknown_names=True).handle(1).ref
    changed = denied[:-3] + ("AAA" if denied[-3:] != "AAA" else "BBB")
    visitor = open_pages(allow=lambda _request, task, _action: task.name != "secret")

    answers = [answers_to(visitor, ref) for ref in (denied, pruned, foreign, changed, "x", "1")]

    assert all(answer == answers[0] for answer in answers)
    assert {status for status, _, _ in answers[0]} == {404}


def test_an_expired_reference_is_that_answer_too(open_pages, client, monkeypatch):
    """A page that was kept for long shows nothing."""
    with monkeypatch.context() as patch:
        patch.setattr("itsdangerous.timed.TimestampSigner.get_timestamp", lambda _self: 1_000_000_000)
        old = client.add("task").ref
    visitor = open_pages(max_age_seconds=3600)

    assert answers_to(visitor, old) == answers_to(visitor, "x")
    assert visitor.get(client.handle(1).ref).status_code == 200


def test_a_task_of_another_user_is_not_seen(open_pages, client):
    """As the application tells its users apart."""
    mine, others = client.add("task", owner="user-1").ref, client.add("task", owner="user-2").ref
    visitor = open_pages(allow=lambda _request, task, _action: task.owner == "user-1")

    assert visitor.get(mine).status_code == 200
    assert visitor.get(others).status_code == 404
    assert visitor.poll([mine, others], wait=0)["events"][1]["event"] == "gone"


@pytest.mark.parametrize("action", ["logs", "result", "files", "cancel"])
def test_each_action_is_allowed_by_itself(open_pages, client, action):
    """Who may see a task may not do everything with it."""
    ref = client.add("task").ref
    Attempt(client).tell(lines=["x"])
    visitor = open_pages(allow=lambda _request, _task, asked: asked in {"view", action})

    told = visitor.get(ref).json()
    others = {"logs", "result", "files/x"} - {action, f"{action}/x"}

    assert set(told["actions"]) <= {action}
    assert {visitor.get(f"{ref}/{other}").status_code for other in others} == {404}
    assert visitor.post(f"{ref}/cancel").status_code == (200 if action == "cancel" else 404)
    data = visitor.poll([ref], logs=ref, wait=0)["events"][0]["data"]
    assert ("lines" in data) == (action == "logs")


def test_an_error_in_allow_denies(open_pages, client, caplog):
    """The log of the server has it; the visitor learns nothing."""
    ref = client.add("task").ref

    def allow(_request, _task, _action):
        raise RuntimeError("no database at /srv/app")

    visitor = open_pages(allow=allow)

    assert answers_to(visitor, ref) == answers_to(visitor, "x")
    assert "`allow` has failed" in caplog.text


def test_a_coroutine_function_is_asked_where_there_is_a_loop(open_streams, client):
    """And not taken for a yes, as any object would be."""

    async def allow(_request, task, action):
        return task.owner == "me" and action == "view"

    mine, others = client.add("task", owner="me").ref, client.add("task", owner="you").ref
    visitor = open_streams(allow=allow)

    assert visitor.get(mine).json()["actions"] == []
    assert visitor.get(others).status_code == 404


def test_a_coroutine_function_is_no_yes_in_wsgi(client):
    """Nothing could await it; the log says so."""
    from lilota_status.wsgi import status_wsgi
    from servers import WsgiServer

    async def allow(_request, _task, _action):
        return True

    server = WsgiServer(status_wsgi(client, allow=allow))
    try:
        answer = server.visitor().get(client.add("task").ref)
    finally:
        server.stop()

    assert (answer.status_code, answer.json()) == (500, {"error": "This has failed. It was logged."})


def test_the_tasks_of_an_owner_are_listed_page_by_page(open_pages, client):
    """The newest first, with references that lead to them."""
    for number in range(5):
        client.add("task", f"number {number}", owner="user-1")
        client.add("task", "not mine", owner="user-2")
    visitor = open_pages(owner=lambda _request: "user-1")

    first = visitor.get("mine?limit=3").json()
    second = visitor.get("mine", params={"limit": 3, "after": first["next"]}).json()

    assert [task["title"] for task in first["tasks"]] == ["number 4", "number 3", "number 2"]
    assert [task["title"] for task in second["tasks"]] == ["number 1", "number 0"]
    assert second["next"] is None
    assert visitor.get(first["tasks"][0]["ref"]).json()["title"] == "number 4"


def test_a_task_has_one_key_in_all_answers_by_which_nothing_can_be_asked(open_pages, client):
    """Lists, pages and polls have other references each time, of which nobody sees that they are of one task."""
    handles = [client.add("task", "alike", owner="user-1") for _ in range(2)]
    visitor = open_pages(owner=lambda _request: "user-1")

    listed = [visitor.get("mine").json()["tasks"] for _ in range(2)]
    seen = [visitor.get(handle.ref).json()["key"] for handle in reversed(handles)]
    (event,) = visitor.poll([handles[1].ref], wait=0)["events"]

    assert not {task["ref"] for task in listed[0]} & {task["ref"] for task in listed[1]}
    assert [task["key"] for task in listed[0]] == [task["key"] for task in listed[1]] == seen
    assert event["data"]["key"] == seen[0] != seen[1]
    assert visitor.get(seen[0]).status_code == 404


def test_a_list_shows_only_what_may_be_seen(open_pages, client):
    """`allow` counts there, too."""
    client.add("open", owner="me")
    client.add("secret", owner="me")
    visitor = open_pages(owner=lambda _request: "me", allow=lambda _request, task, _action: task.name != "secret")

    assert [task["name"] for task in visitor.get("mine").json()["tasks"]] == ["open"]


def test_a_visitor_without_a_name_has_no_list(open_pages, client):
    """Neither all tasks nor those without an owner."""
    client.add("task")
    visitor = open_pages(owner=lambda _request: None)

    assert visitor.get("mine").status_code == 404


def test_a_list_can_be_of_one_state(open_pages, client):
    """By the words of the pages."""
    client.add("task", owner="me")
    client.add("task", owner="me")
    Attempt(client).succeed()
    visitor = open_pages(owner=lambda _request: "me")

    assert [task["state"] for task in visitor.get("mine?state=succeeded").json()["tasks"]] == ["succeeded"]
    assert [task["state"] for task in visitor.get("mine?state=waiting").json()["tasks"]] == ["waiting"]
    broken = visitor.get("mine?state=' OR 1=1")
    assert (broken.status_code, broken.json()["error"][:29]) == (400, "'state' must be one of: waiti")


def test_keys_of_the_tests_are_those_of_the_client(client):
    """Or the tests above would prove nothing."""
    from lilota.adding.refs import References

    assert References(KEYS).id_in(client.handle(5).ref) == 5
