"""Whoever asked is told of each end, by real runners with real processes, also where nobody saw the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lilota_notify import notify, verify
from lilota_notify.asking import MAIL, POST
from receivers import HOST, MailServer

from lilota import TaskClient
from lilota.contract import StoredTask
from lilota.errors import TaskRefusedError
from lilota.models import NewTask, TaskInfo, TaskState

QUICK = "look_seconds = 0.5"
RUNNER = str(Path(__file__).parent / "helpers" / "lone_runner.py")
WAIT_SECONDS = 90


@pytest.fixture
def url(receiver):
    return f"http://{HOST}:{receiver.port}/"


@pytest.fixture
def client(tmp_path):
    """A client of the store of the runners."""
    with TaskClient(f"sqlite:///{tmp_path}/tasks.db", accept_unknown_names=True) as client:
        yield client


def deliveries(client):
    return list(client.find(names=[POST, MAIL]))


def settle(client, count):
    """Wait until so many deliveries have ended; return them."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = deliveries(client)
        if len(found) >= count and all(each.state.is_terminal for each in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_success_is_told_without_input_and_output(make_runner, receiver, allow, url, key):
    allow(receiver.port, first="page = 'https://app.example.com/tasks/{id}'")
    runner = make_runner()

    handle = runner.add("double", input={"number": 21}, headers=notify(url))
    [(headers, body)] = receiver.wait_for(1)

    event = verify(body, headers, key)
    info = handle.info()
    assert event["type"] == "task.succeeded"
    assert event["id"] == headers["webhook-id"]
    assert event["data"] == {
        "id": handle.id,
        "name": "double",
        "state": "succeeded",
        "finished_at": info.to_dict()["finished_at"],
        "error": None,
        "page": f"https://app.example.com/tasks/{handle.id}",
    }


def test_the_output_is_told_where_it_was_asked_for(make_runner, receiver, allow, url):
    allow(receiver.port)

    make_runner().add("double", input={"number": 21}, headers=notify(url, output=True))
    receiver.wait_for(1)

    assert receiver.events[0]["data"]["output"] == {"result": 42}


def test_a_failure_is_told_with_its_error_and_no_secret(make_runner, receiver, allow, url):
    allow(receiver.port)

    make_runner().add("fail", input={"message": "no login with password=hunter2 " + "x" * 2000}, headers=notify(url))
    [(_, body)] = receiver.wait_for(1)

    error = json.loads(body)["data"]["error"]
    assert error["type"] == "ValueError"
    assert error["message"].startswith("no login with password=***")
    assert len(error["message"]) == 500
    assert b"hunter2" not in body
    assert b"Traceback" not in body


def test_a_reference_is_told_where_the_application_has_keys(make_runner, receiver, allow, url, monkeypatch):
    monkeypatch.setenv("LILOTA_REF_KEYS", "0123456789abcdef")
    allow(receiver.port, first="page = 'https://app.example.com/tasks/{ref}'")
    runner = make_runner()

    handle = runner.add("double", input={"number": 21}, headers=notify(url))
    receiver.wait_for(1)

    data = receiver.events[0]["data"]
    assert data["page"] == f"https://app.example.com/tasks/{data['ref']}"
    with TaskClient(runner.store, ref_keys=["0123456789abcdef"]) as other:
        assert other.by_ref(data["ref"]).id == handle.id


def test_only_the_ends_that_were_asked_for_are_told(make_runner, receiver, allow, url, client):
    allow(receiver.port)
    runner = make_runner()

    runner.add("double", input={"number": 21}, headers=notify(url, states=["failed"])).result(WAIT_SECONDS)
    runner.add("double", input={"number": 22}).result(WAIT_SECONDS)
    failed = runner.add("fail", input={"message": "no"}, headers=notify(url, states=["failed"]))
    receiver.wait_for(1)

    assert [event["data"]["id"] for event in receiver.events] == [failed.id]
    assert len(deliveries(client)) == 1


def test_a_receiver_that_fails_thrice_is_told_in_the_end(make_runner, receiver, allow, url, client):
    allow(receiver.port)
    receiver.answers[:] = [500, 502, 429]

    make_runner().add("double", input={"number": 21}, headers=notify(url))
    receiver.wait_for(4)
    [delivery] = settle(client, 1)

    assert delivery.state is TaskState.SUCCEEDED
    assert delivery.attempt == 4
    assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1


def test_an_end_is_told_once_and_no_delivery_is_told(make_runner, receiver, allow, url, client):
    """Neither those that the operator wants to be told of everything, nor a look that comes later."""
    allow(receiver.port, first=QUICK, more=f"[[rules]]\nnames = ['*']\nto = ['{url}']")

    handle = make_runner(processes=2).add("double", input={"number": 21}, headers=notify(url))
    receiver.wait_for(1)
    others = []
    for number in range(2):  # each is found by a look, which sees the other ends, too
        others.append(client.add("double", input={"number": 1}, delay_seconds=3600))
        others[-1].cancel()
        wait_for_ids(receiver, {others[-1].id})
        settle(client, number + 2)

    assert [event["data"]["id"] for event in receiver.events] == [handle.id, *(each.id for each in others)]
    assert len(deliveries(client)) == 3


def test_of_two_runners_in_a_process_the_one_that_had_the_task_tells(make_runner, receiver, allow, url, client):
    allow(receiver.port)
    runners = [make_runner(), make_runner()]

    handles = [runner.add("double", input={"number": 1}, headers=notify(url)) for runner in runners * 3]
    wait_for_ids(receiver, {handle.id for handle in handles})
    for runner in runners:
        runner.stop()

    assert len(deliveries(client)) == len(handles)


def test_an_attempt_after_which_the_task_runs_again_is_no_end(make_runner, receiver, allow, url, client):
    allow(receiver.port)

    handle = make_runner().add("fail_once", headers=notify(url))
    receiver.wait_for(1)

    assert [event["type"] for event in receiver.events] == ["task.succeeded"]
    assert (handle.info().attempt, len(deliveries(client))) == (2, 1)


def test_a_task_that_ends_again_is_told_again_by_another_id(make_runner, receiver, allow, url):
    allow(receiver.port)
    handle = make_runner().add("fail", input={"message": "no"}, headers=notify(url))
    receiver.wait_for(1)

    handle.retry()
    receiver.wait_for(2)

    assert [event["data"]["id"] for event in receiver.events] == [handle.id, handle.id]
    assert len({event["id"] for event in receiver.events}) == 2


def test_the_operator_is_told_of_names_that_ask_for_nothing(make_runner, receiver, allow, url):
    allow(receiver.port, more=f"[[rules]]\nnames = ['fa*']\nto = ['{url}']\nstates = ['failed']")
    runner = make_runner()

    runner.add("double", input={"number": 21}).result(WAIT_SECONDS)
    failed = runner.add("fail", input={"message": "no"})
    receiver.wait_for(1)

    assert receiver.events[0]["data"]["id"] == failed.id


def test_a_task_that_was_cancelled_while_it_waited_is_told(make_runner, receiver, allow, url, client):
    """No runner had it, so no hook was called; a look finds it."""
    allow(receiver.port, first=QUICK)
    handle = client.add("double", input={"number": 1}, headers=notify(url), delay_seconds=3600)
    make_runner()

    handle.cancel()
    receiver.wait_for(1)

    assert receiver.events[0]["data"]["state"] == "cancelled"


def test_a_task_that_expired_is_told(make_runner, receiver, allow, url, client):
    allow(receiver.port, first=QUICK)
    client.add("double", input={"number": 1}, headers=notify(url), expires_after_seconds=0.001)
    make_runner()

    receiver.wait_for(1)

    assert receiver.events[0]["data"]["error"]["type"] == "Expired"


def test_what_ended_while_no_runner_was_there_is_told_by_the_next_one(make_runner, receiver, allow, url, client):
    allow(receiver.port, first=QUICK)
    client.add("double", input={"number": 1}, headers=notify(url)).cancel()

    make_runner()
    receiver.wait_for(1)

    assert receiver.events[0]["type"] == "task.cancelled"


def test_a_success_that_a_runner_could_not_tell_is_told_by_the_next_one(make_runner, receiver, allow, url):
    """As after a kill between the end of a task and the adding of its delivery."""
    runner = make_runner()
    handle = runner.add("double", input={"number": 21}, headers=notify(url))
    handle.result(WAIT_SECONDS)
    runner.stop()

    allow(receiver.port, first=QUICK)
    make_runner()
    receiver.wait_for(1)

    assert receiver.events[0]["data"]["id"] == handle.id


def test_what_ended_too_long_ago_is_not_told(make_runner, receiver, allow, url, client):
    allow(receiver.port, first=QUICK)
    at = datetime.now(UTC) - timedelta(days=2)
    old = TaskInfo(
        id=7,
        name="double",
        state=TaskState.CANCELLED,
        created_at=at,
        run_at=at,
        finished_at=at,
        headers_json=json.dumps(notify(url)),
    )
    client.store.restore([StoredTask(info=old)])
    new = client.add("double", input={"number": 1}, headers=notify(url))

    new.cancel()
    make_runner()
    receiver.wait_for(1)

    assert [event["data"]["id"] for event in receiver.events] == [new.id]


def test_deliveries_that_others_have_added_disturb_no_look(make_runner, receiver, allow, url, client):
    allow(receiver.port, first=QUICK)
    client.store.add([NewTask(name=POST, input_json=text, delay_seconds=3600) for text in ("{}", '{"event": 7}')])
    client.add("double", input={"number": 1}, headers=notify(url)).cancel()

    make_runner()
    receiver.wait_for(1)


@pytest.fixture
def lone_runner(tmp_path):
    """Return what starts a runner in a process of its own, which can be killed."""
    started = []

    def start():
        process = subprocess.Popen([sys.executable, RUNNER, f"sqlite:///{tmp_path}/tasks.db"], cwd=tmp_path)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_SECONDS)


def test_a_task_whose_runner_is_killed_is_told_by_another(lone_runner, receiver, allow, url, client):
    """It has one attempt; the rescue ends it, and no hook is called for that."""
    allow(receiver.port, first=QUICK)
    options = {"headers": notify(url), "max_lost_attempts": 1}
    handle = client.add("wait_for_file", input={"path": "/nowhere"}, **options)
    runner = lone_runner()
    wait_for_state(handle, TaskState.RUNNING)

    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(WAIT_SECONDS)
    lone_runner()
    receiver.wait_for(1)

    assert receiver.events[0]["data"]["error"]["type"] == "RunnerDied"


def test_deliveries_outlive_the_kill_of_a_runner(lone_runner, receiver, allow, url, client):
    """The receiver is down until the runner that saw the ends is dead."""
    receiver.answers[:] = [500] * 2
    allow(receiver.port, first=QUICK)
    handles = client.add_many([{"name": "double", "input": {"number": n}, "headers": notify(url)} for n in range(5)])
    runner = lone_runner()
    receiver.wait_for(2)

    os.kill(runner.pid, signal.SIGKILL)
    runner.wait(WAIT_SECONDS)
    lone_runner()
    told = wait_for_ids(receiver, {handle.id for handle in handles})

    assert told >= {handle.id for handle in handles}


def wait_for_state(handle, state):
    deadline = time.monotonic() + WAIT_SECONDS
    while handle.info().state is not state:
        assert time.monotonic() < deadline, handle.info()
        time.sleep(0.02)


def wait_for_ids(receiver, ids):
    """Wait until requests about all these tasks came."""
    with receiver.changed:
        assert receiver.changed.wait_for(lambda: {e["data"]["id"] for e in receiver.events} >= ids, WAIT_SECONDS)
        return {event["data"]["id"] for event in receiver.events}


def test_a_mail_is_sent_by_a_runner(make_runner, mailbox, settings):
    with MailServer(mailbox) as server:
        settings(
            f"[mail]\nserver = '{HOST}'\nport = {server.port}\nsecurity = 'none'\n"
            "sender = 'tasks@example.com'\nrecipients = ['*']\n"
        )
        make_runner().add("fail", input={"message": "no"}, headers={"notify": "mailto:ann@example.com"})
        [sent] = mailbox.wait_for(1)

    assert sent["Subject"].endswith("(fail): failed")


def test_the_url_of_a_delivery_is_masked(make_runner, receiver, allow, url, client):
    """It may be a secret by itself: whoever has it can post."""
    allow(receiver.port)

    make_runner().add("double", input={"number": 21}, headers=notify(f"{url}T0/hunter2"))
    receiver.wait_for(1)
    [delivery] = settle(client, 1)

    assert "hunter2" not in json.dumps(delivery.to_dict())
    assert delivery.description == f"tell {HOST} of the task 1 (double): succeeded"


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        ("https://evil.example.org/", "'evil.example.org' is told of no task"),
        ("http://169.254.169.254/latest", "'169.254.169.254' is told of no task"),
        ("ftp://a/", "must begin with 'https://' or 'mailto:'"),
        ({"to": ["mailto:ann@example.com"]}, "named no server"),
        (7, "The header 'notify' of a task can't be used"),
    ],
)
def test_a_task_that_asks_for_what_is_not_allowed_is_not_added(wish, sentence, make_runner, allow, client):
    allow(443)
    runner = make_runner()

    with pytest.raises(TaskRefusedError, match=sentence):
        runner.add("double", input={"number": 21}, headers={"notify": wish})
    assert list(client.find()) == []


def test_without_settings_a_runner_says_that_it_tells_nobody(make_runner, url, caplog):
    runner = make_runner()

    runner.add("double", input={"number": 21}, headers=notify(url)).result(WAIT_SECONDS)
    runner.stop()

    assert "this runner tells nobody: set LILOTA_NOTIFY" in caplog.text


def test_with_wrong_settings_a_runner_goes_on(make_runner, settings, caplog):
    settings("[webhooks.'a']\nkeys = ['hunter2']")
    runner = make_runner()

    assert runner.add("double", input={"number": 21}).result(WAIT_SECONDS) == 42
    assert "webhooks.'a'" in caplog.text
    assert "hunter2" not in caplog.text
