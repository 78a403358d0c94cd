"""The admin shows tasks to who may see them, and lets those act who may change them."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from lilota_django.client import get_client
from lilota_django.files.plugin import make_area
from lilota_django.models import LogLine, Task
from lilota_django.orm import adding

from lilota.contract import AttemptRecord, ClaimRequest, RunnerInfo
from lilota.contract.history import attempt_note
from lilota.files.reading import note_of
from lilota.models import AttachedFile, AttemptUpdate, NewTask, Note, Outcome, TaskError, TaskState
from lilota.models import LogLine as Line

LIST = "/admin/lilota/task/"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def store(store, monkeypatch):
    """The store, with the admin in place and nobody in it."""
    monkeypatch.setattr(adding, "_number_by_clock", lambda *_: None)
    User.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = 'lilota_task'")  # ids begin with 1
    with override_settings(ROOT_URLCONF="admin_urls", LILOTA={}):
        yield store
        get_client().close()


def visitor(*permissions, superuser=False):
    """Return a browser in which somebody has logged in who may do that much with tasks."""
    user = User.objects.create_user("visitor", is_staff=True, is_superuser=superuser)
    for name in permissions:
        user.user_permissions.add(Permission.objects.get(codename=f"{name}_task", content_type__app_label="lilota"))
    client = Client()
    client.force_login(user)
    return client


def add(store, count=1, **fields):
    return store.add([NewTask(**{"name": "resize", **fields})] * count)


def start(store, count=1):
    """Let a runner claim tasks."""
    store.heartbeat(RunnerInfo(id="a-runner", host="host-1", pid=4711))
    names = tuple({count.name for count in store.counts()})
    return store.claim(ClaimRequest(runner_id="a-runner", names=names, limit=count)).claims


def end(store, state, **fields):
    """Let a runner run a task to an end."""
    [claim] = start(store)
    error = TaskError(type="ValueError", message="torn", traceback="line 1") if state is TaskState.FAILED else None
    outcome = Outcome(state=state, error=error)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, outcome=outcome, **fields)])
    return claim.id


def text(response):
    """Return what a page says."""
    assert response.status_code == 200
    return response.content.decode()


def listed(response):
    """Return the ids in the list, in its order."""
    return [int(found) for found in re.findall(r"/admin/lilota/task/(\d+)/change/", text(response))]


def act(client, action, ids):
    """Do something with selected tasks; return what the page says to it."""
    data = {"action": action, "_selected_action": list(map(str, ids)), "index": 0}
    page = text(client.post(LIST, data, follow=True))
    return re.findall(r'<li class="(success|warning|error|info)">(.*?)</li>', page)


def test_the_list_shows_the_newest_tasks_first(store):
    """With their state, progress and queue."""
    add(store, 2)
    end(store, TaskState.SUCCEEDED)
    client = visitor("view")

    page = client.get(LIST)

    assert listed(page) == [2, 1]
    assert "succeeded" in text(page)
    assert "100 %" in text(page)


def test_what_failed_is_shown_as_far_as_it_came(store):
    """As the command line shows it: 100 % is for what is done."""
    add(store)
    failed = end(store, TaskState.FAILED, progress=33.0)
    client = visitor("view")

    pages = text(client.get(LIST)), text(client.get(f"{LIST}{failed}/change/"))

    assert [("33 %" in page, "100 %" in page) for page in pages] == [(True, False)] * 2


def test_strangers_see_nothing(store):
    """Who has not logged in is asked to; who may not see tasks is refused, and finds no link."""
    add(store)
    stranger = Client()
    staff = visitor()

    assert stranger.get(LIST).status_code == 302
    assert stranger.get(f"{LIST}1/change/").status_code == 302
    assert staff.get(LIST).status_code == 403
    assert staff.get(f"{LIST}1/change/").status_code == 403
    assert LIST not in text(staff.get("/admin/"))


def test_nobody_can_change_a_task(store):
    """Not even a superuser can add, change or delete one: only the store keeps counts and leases in step."""
    add(store)
    client = visitor(superuser=True)

    page = text(client.get(f"{LIST}1/change/"))

    assert 'name="_save"' not in page
    assert client.post(f"{LIST}1/change/", {"description": "changed"}).status_code == 403
    assert client.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    assert client.get(f"{LIST}add/").status_code == 403
    assert "delete_selected" not in text(client.get(LIST))
    assert store.get(1).description == ""


def test_a_task_is_shown_with_all_that_is_known(store):
    """Input, output, error, log, times and attempts."""
    add(store, input_json='{"width": 200}', description="a picture")
    line = Line(at=1.5e9, text="half of it", level=20)
    end(store, TaskState.FAILED, output_json='{"done": "half"}', log_lines=(line,), pid=17)
    client = visitor("view")

    page = text(client.get(f"{LIST}1/change/"))

    for known in ("resize", "a picture", "&quot;width&quot;: 200", "&quot;done&quot;: &quot;half&quot;", "a-runner"):
        assert known in page
    assert "ValueError: torn" in page
    assert "2017-07-14 04:40:00 [1] INFO half of it" in page  # in the time zone of the project


def test_secrets_are_not_shown(store):
    """What a key calls a secret stays one, as deep as it may be."""
    add(store, input_json='{"user": "anna", "login": [{"password": "hunter2", "api_token": "t0ken"}]}')
    client = visitor("view")

    page = text(client.get(f"{LIST}1/change/"))

    assert "anna" in page
    assert "hunter2" not in page
    assert "t0ken" not in page


def test_what_a_parameter_says_is_secret_is_not_shown(store):
    """Its name and its look say nothing."""
    add(store, input_json='{"pin": 471147, "user": "anna"}', headers_json='{"lilota.hidden":["pin"]}')

    page = text(visitor("view").get(f"{LIST}1/change/"))

    assert "anna" in page
    assert "471147" not in page


def test_secrets_in_texts_are_not_shown(store):
    """What the command line hides in descriptions, values, errors and log lines, the admin hides too."""
    url, dsn = "postgresql://anna:hunter2@db/shop", "host=db password=hunter2"
    add(store, description=url, input_json=json.dumps({"db": url, "pwd": "hunter2", "jwt": "hunter2", "dsn": dsn}))
    [claim] = start(store)
    error = TaskError(type="OSError", message=url, traceback=f"connect('{dsn}')")
    lines = (Line(at=0, text=f"Connecting to {url}"),)
    outcome = Outcome(state=TaskState.FAILED, error=error)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, log_lines=lines, outcome=outcome)])
    client = visitor("view")

    pages = [text(client.get(f"{LIST}1/change/")), text(client.get(LIST))]

    assert "postgresql://anna:***@db/shop" in pages[0]
    assert "hunter2" not in "".join(pages)


def test_markup_in_a_task_is_only_text(store):
    """Whoever adds a task can't run a script in the admin."""
    add(store, name=SCRIPT, queue=SCRIPT, description=SCRIPT, input_json=f'{{"{SCRIPT}": "{SCRIPT}"}}')
    error = TaskError(type=SCRIPT, message=SCRIPT, traceback=SCRIPT)
    [claim] = start(store)
    update = AttemptUpdate(
        id=claim.id,
        token=claim.token,
        output_json=f'{{"x": "{SCRIPT}"}}',
        log_lines=(Line(at=0, text=SCRIPT, source=SCRIPT),),
        outcome=Outcome(state=TaskState.FAILED, error=error),
    )
    store.commit([update])
    client = visitor(superuser=True)

    pages = [client.get(LIST), client.get(LIST, {"name": SCRIPT}), client.get(f"{LIST}1/change/")]
    pages.append(client.post(LIST, {"action": "retry_tasks", "_selected_action": "1", "index": 0}, follow=True))

    for page in pages:
        assert SCRIPT not in text(page)
        assert "&lt;script&gt;alert(1)" in text(page)


def test_filters_show_a_part(store):
    """By state, queue and name, and all three together."""
    add(store, name="resize", queue="default")
    add(store, name="resize", queue="mails")
    add(store, name="Resize", queue="mails")
    store.cancel(2)
    client = visitor("view")

    def found(**query):
        return listed(client.get(LIST, query))

    assert found(state="pending") == [3, 1]
    assert found(state="cancelled") == [2]
    assert found(queue="mails") == [3, 2]
    assert found(name="resize") == [2, 1]
    assert found(name="resize", queue="mails", state="pending") == []
    assert found(name="nosuch") == []


def test_tasks_of_an_owner_are_shown_and_found(store):
    """By a link on the owner, which is compared to the letter, or by a search; without owners there is no column."""
    add(store)
    client = visitor("view")
    without = text(client.get(LIST))
    for owner in ("user&1", "User&1", "user&10", "user&1"):
        add(store, owner=owner)
    store.cancel(5)

    page = text(client.get(LIST))

    assert ("column-owned_by" in without, "column-owned_by" in page) == (False, True)
    assert '<a href="?owner=user%261">user&amp;1</a>' in page
    assert listed(client.get(LIST, {"owner": "user&1"})) == [5, 2]
    assert listed(client.get(LIST, {"owner": "user&1", "state": "pending"})) == [2]
    assert listed(client.get(LIST, {"owner": "nobody"})) == []
    assert listed(client.get(LIST, {"q": " user&1 "})) == [5, 2]
    assert f'<a href="{LIST}?owner=user%261">user&amp;1</a>' in text(client.get(f"{LIST}2/change/"))


def test_what_attempts_have_left_is_shown(store):
    """Checkpoint, words beside the progress, and notes, without their secrets; of many notes, not all."""
    add(store, 2)
    claims = start(store, 2)
    note = Note(kind="step", name="first", value_json=f'{{"said": "{SCRIPT}", "password": "hunter2"}}', attempt=7)
    left = {"checkpoint_json": '{"row": 17, "api_token": "hunter2"}', "progress_note_json": '{"message": "half of it"}'}
    store.commit([AttemptUpdate(id=claims[0].id, token=claims[0].token, notes=(note,), **left)])
    many = tuple(Note(kind="step", name=f"no-{n:03}", value_json="{}") for n in range(150))
    store.commit([AttemptUpdate(id=claims[1].id, token=claims[1].token, notes=many)])
    client = visitor("view")

    page, long_page = (text(client.get(f"{LIST}{task_id}/change/")) for task_id in (1, 2))

    for known in ("&quot;row&quot;: 17", "half of it", "step first [7]", "&lt;script&gt;"):
        assert known in page
    assert "&quot;message&quot;" not in page
    assert "hunter2" not in page
    assert SCRIPT not in page
    assert [f"no-{n:03} [1]" in long_page for n in (0, 99, 100)] == [True, True, False]
    assert "(more notes)" in long_page


def fail(store, claim, error, **fields):
    """Let an attempt fail as a runner has it, with its record; the task waits for another one."""
    record = AttemptRecord(token=claim.token, attempt=claim.attempt, outcome="failed", error=error, **fields)
    outcome = Outcome(state=TaskState.PENDING, error=error)
    store.commit([AttemptUpdate(id=claim.id, token=claim.token, notes=(attempt_note(record),), outcome=outcome)])


def cells(page):
    """Return the table of attempts: a list of texts for each row."""
    [body] = re.findall(r"<tbody>(.*?)</tbody>", page, re.DOTALL)
    return [re.findall(r"<td>(.*?)</td>", row, re.DOTALL) for row in body.split("</tr>") if row]


def test_attempts_are_a_table(store):
    """The oldest first, with what each has used, and its traceback folded; not the notes that they are in the store."""
    add(store)
    error = TaskError(type="OSError", message="no answer", traceback="line 1\nOSError: no answer")
    used = {"peak_memory_mb": 2100.0, "cpu_seconds": 75.0, "progress": 41.7, "pid": 17, "host": "node-7"}
    fail(store, start(store)[0], error, runner_id="a-runner", started_at=1.5e9, ended_at=1.5e9 + 60, **used)
    [claim] = start(store)
    store.commit([AttemptUpdate(id=1, token=claim.token, pid=18, started_at=1.5e9)])
    Task.objects.update(started_at=datetime.fromtimestamp(1.5e9 + 100, UTC))  # before it was added

    page = text(visitor("view").get(f"{LIST}1/change/"))

    first, second = cells(page)
    assert first[:5] == ["1", "failed", "41 %", "2017-07-14 04:40:00", "2017-07-14 04:41:00"]
    assert first[5:-1] == ["2.1 GB", "1 min 15 s", "a-runner", "node-7", "17"]
    assert first[-1] == (
        "<details><summary>OSError: no answer</summary><pre>line 1\nOSError: no answer</pre></details>"
    )
    assert second == ["2", "running", "0 %", "2017-07-14 04:41:40", "", "", "", "a-runner", "", "18", ""]
    assert "attempt 01" not in page


def test_markup_and_secrets_in_attempts_are_not_shown(store):
    """Whatever a task, or whoever writes to the database, has put there."""
    add(store)
    dsn = "postgresql://anna:hunter2@db/shop"
    error = TaskError(type=SCRIPT, message=f"{SCRIPT} {dsn}", traceback=f"{SCRIPT}\n{dsn}")
    fail(store, start(store)[0], error, runner_id=SCRIPT, host=SCRIPT)

    page = text(visitor("view").get(f"{LIST}1/change/"))

    assert page.count("&lt;script&gt;alert(1)") >= 5
    assert SCRIPT not in page
    assert "hunter2" not in page


def test_a_page_has_a_limit_however_much_attempts_have_left(store):
    """Of each traceback the end, which says what went wrong; of the log the newest lines; of the files the first."""
    add(store, input_json=json.dumps({"text": "x" * 1_000_000}))
    error = TaskError(type="OSError", message="m" * 4_000, traceback="x" * 31_000 + "the end")
    records = [AttemptRecord(token=n, attempt=n, outcome="failed", error=error) for n in range(1, 51)]
    notes = (*map(attempt_note, records), *file_notes(*(f"{n}.txt" for n in range(250))))
    lines = tuple(Line(at=0, text="y" * 1_000) for _ in range(1_000))
    [claim] = start(store)
    store.commit([AttemptUpdate(id=1, token=claim.token, log_lines=lines, notes=notes)])

    page = text(visitor("view").get(f"{LIST}1/change/"))

    assert len(cells(page)) == 50
    assert page.count("the end</pre>") == 50
    assert "(150 more)" in page
    assert len(page) < 1_500_000


def test_a_running_task_says_how_far_it_is_and_when_it_will_be_there(store):
    """In words, by the step and by the pace."""
    add(store)
    [claim] = start(store)
    note = json.dumps({"message": f"Writing {SCRIPT}", "step": 4, "of": 10})
    store.commit([AttemptUpdate(id=1, token=claim.token, started_at=0, progress=40.0, progress_note_json=note)])
    Task.objects.update(started_at=datetime.now(UTC) - timedelta(hours=1))

    page = text(visitor("view").get(f"{LIST}1/change/"))

    assert "4 of 10" in page
    assert "Writing &lt;script&gt;" in page
    assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, about 1 h \d+ min left", page)


def file_notes(*names, size=3, place="0/1-1-1-0123456789abcdef", sha256="", **fields):
    """Return the records of files as attempts report them."""
    return tuple(
        note_of(
            AttachedFile(name=name, size=size, media_type="text/html", sha256=sha256, place=place, attempt=1, **fields)
        )
        for name in names
    )


@pytest.fixture
def attached(store, tmp_path):
    """A task with two files, one of which a browser could take for a page, and whose name for another."""
    content = f"<html>{SCRIPT}</html>".encode()
    how = {"location": tmp_path}
    folder = "django.core.files.storage.FileSystemStorage"
    described = {name: {"BACKEND": folder, "OPTIONS": how} for name in ("default", "staticfiles", "files")}
    with override_settings(STORAGES=described, LILOTA={"FILES": "django://files"}):
        add(store)
        [claim] = start(store)
        make_area("django://files").put("0/1-1-1-0123456789abcdef", [content])
        notes = file_notes("page.html", "50% <b>é?#.html")
        store.commit([AttemptUpdate(id=1, token=claim.token, notes=notes)])
        yield content
        get_client().close()


def links(page):
    return [html.unescape(address) for address in re.findall(r'<a href="([^"]*)" download>', page)]


def test_a_file_is_saved_and_never_shown(attached):
    """It is what the task has written, which may be a page with a script in it."""
    client = visitor("view")

    page = text(client.get(f"{LIST}1/change/"))
    answers = [client.get(address) for address in links(page)]

    assert "50% &lt;b&gt;é?#.html" in page
    assert len(answers) == 2
    for answer in answers:
        assert b"".join(answer.streaming_content) == attached
        assert answer.headers["Content-Disposition"].startswith("attachment; filename")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert "private" in answer.headers["Cache-Control"]
    assert 'filename="page.html"' in answers[1].headers["Content-Disposition"]


def test_who_may_not_see_a_task_gets_none_of_its_files(attached):
    """Strangers are asked to log in, before anything is looked for."""
    address = f"{LIST}1/files/page.html"

    assert Client().get(address).status_code == 302
    assert visitor().get(address).status_code == 403


def test_a_file_that_is_not_there_is_not_found(attached, tmp_path):
    """Nor one of another task, or of none; one that was lost is said to be."""
    client = visitor("view")
    (tmp_path / "lilota/0/1-1-1-0123456789abcdef").unlink()

    missing = [client.get(f"{LIST}{path}").status_code for path in ("1/files/x.html", "2/files/page.html", "1/files/")]
    lost = client.get(f"{LIST}1/files/page.html", follow=True)

    assert missing == [404, 404, 302]  # Django's admin leads from what is none of its pages to its first one
    assert lost.redirect_chain == [(f"{LIST}1/change/", 302)]
    assert "The file &#x27;page.html&#x27; can&#x27;t be read. It is not there any more." in text(lost)


def test_a_file_area_that_can_not_be_used_is_said_on_the_page(attached):
    """Why stands in the log of the site only."""
    client = visitor("view")

    with override_settings(LILOTA={"FILES": "django://nosuch"}):
        page = text(client.get(f"{LIST}1/files/page.html", follow=True))

    assert "can&#x27;t be read. The log of the site says why." in page
    assert "nosuch" not in page


def test_a_task_is_found_by_its_id(store):
    """A search for anything else finds nothing: it would have to read all tasks."""
    add(store, 3)
    client = visitor("view")

    assert listed(client.get(LIST, {"q": "2"})) == [2]
    assert listed(client.get(LIST, {"q": " 2 "})) == [2]
    assert listed(client.get(LIST, {"q": "resize"})) == []
    assert listed(client.get(LIST, {"q": "9" * 30})) == []
    assert listed(client.get(LIST, {"q": "2", "state": "failed"})) == []


def test_pages_follow_each_other(store):
    """The second page begins where the first one ends; there is none behind the last."""
    add(store, 150)
    client = visitor("view")

    first, second = (listed(client.get(LIST, {"p": page, "state": "pending"})) for page in (1, 2))

    assert first + second == list(range(150, 0, -1))
    assert client.get(LIST, {"p": 3}).status_code == 302


def test_a_page_costs_the_same_with_many_tasks(store):
    """No statement counts or sorts the table, and there are as many of them as with few tasks."""
    add(store, 150)
    add(store, owner="user-1")
    client = visitor("view")
    client.get(LIST)

    def statements(**query):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(LIST, query)
        return [found["sql"] for found in captured.captured_queries]

    with_few = statements(), statements(state="pending"), statements(owner="user-1")
    add(store, 1_000)
    with_many = statements(), statements(state="pending"), statements(owner="user-1")

    assert list(map(len, with_few)) == list(map(len, with_many))
    for statement in [sql for page in with_many for sql in page if '"lilota_task"' in sql]:
        assert "COUNT(" not in statement
        assert "input_json" not in statement
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "SCAN lilota_task" not in plan.replace("SCAN lilota_task USING INTEGER PRIMARY KEY", ""), plan


def test_cancel_says_what_happened_to_how_many(store):
    """Pending tasks are cancelled, running ones asked to stop, and ended ones left alone."""
    add(store, 5)
    end(store, TaskState.SUCCEEDED)
    start(store)
    client = visitor("view", "change")

    said = act(client, "cancel_tasks", [1, 2, 3, 4, 999])

    assert sorted(said) == [
        ("success", "1 task: asked to stop, still running."),
        ("success", "2 tasks: cancelled."),
        ("warning", "1 task: left alone, already succeeded."),
    ]
    assert [store.get(n).state for n in (1, 2, 3, 4, 5)] == [
        "succeeded",
        "running",
        "cancelled",
        "cancelled",
        "pending",
    ]
    assert store.get(2).cancel_requested


def test_retry_says_what_happened_to_how_many(store):
    """Failed and cancelled tasks run again; others are left alone."""
    add(store, 3)
    end(store, TaskState.FAILED)
    store.cancel(2)
    client = visitor("view", "change")

    said = act(client, "retry_tasks", [1, 2, 3])

    assert sorted(said) == [
        ("success", "2 tasks: will run again."),
        ("warning", "1 task: left alone, neither failed nor cancelled, or unable to run again."),
    ]
    assert [store.get(n).state for n in (1, 2, 3)] == ["pending"] * 3


def test_an_action_is_in_the_history_of_the_task(store):
    """It says who did it."""
    add(store)
    client = visitor("view", "change")
    act(client, "cancel_tasks", [1])

    page = text(client.get(f"{LIST}1/history/"))

    assert "By an action: cancelled." in page
    assert "visitor" in page


def test_who_may_only_look_cannot_act(store):
    """The actions are not offered, and a request for one does nothing."""
    add(store)
    client = visitor("view")

    page = text(client.get(LIST))
    act(client, "cancel_tasks", [1])

    assert "cancel_tasks" not in page
    assert store.get(1).state is TaskState.PENDING


def test_only_the_newest_log_lines_are_shown(store):
    """And it is said that there are more."""
    add(store)
    LogLine.objects.bulk_create(
        LogLine(task_id=1, n=n, at=0, level=20, attempt=1, source="log", logger="", text=f"line {n}.")
        for n in range(1, 1_001)
    )
    client = visitor("view")

    page = text(client.get(f"{LIST}1/change/"))

    assert "line 500." not in page
    assert "line 501." in page
    assert "(500 earlier lines)" in page


def test_runners_are_listed(store):
    """With their host, for whoever may see tasks."""
    add(store)
    start(store)
    client = visitor("view")

    page = text(client.get("/admin/lilota/runner/"))

    assert "a-runner" in page
    assert "host-1" in page
    assert 'alt="True"' in page


def test_runners_are_listed_with_the_memory_that_they_tell(store):
    """One of an older lilota has none, and what nobody can have is none."""
    for runner_id, about_json in (("large", '{"memory_mb": 2140.5}'), ("older", "{}"), ("odd", '{"memory_mb": 1e308}')):
        store.heartbeat(RunnerInfo(id=runner_id, about_json=about_json))

    page = text(visitor("view").get("/admin/lilota/runner/"))

    assert re.findall(r'<td class="field-memory">([^<]*)</td>', page) == ["-", "-", "2.14 GB"]


def test_instants_are_shown_in_a_project_without_time_zones(store):
    """USE_TZ = False changes nothing for the reader."""
    add(store)
    at = Task.objects.get().created_at.astimezone().strftime("%Y")
    client = visitor("view")

    with override_settings(USE_TZ=False):
        assert at in text(client.get(LIST))
        assert at in text(client.get(f"{LIST}1/change/"))


@pytest.mark.parametrize("time_zone", ["Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("use_tz", [True, False])
@pytest.mark.parametrize("end_of_time", [datetime.min, datetime.max], ids=["min", "max"])  # noqa: DTZ901 - zoned below
def test_instants_at_the_ends_of_the_calendar_are_shown(store, time_zone, use_tz, end_of_time):
    """A task that is to run never, or long since, breaks neither its page nor the list."""
    [task_id] = add(store, run_at=end_of_time.replace(tzinfo=UTC))
    client = visitor("view")

    with override_settings(USE_TZ=use_tz, TIME_ZONE=time_zone):
        page, pages = client.get(f"{LIST}{task_id}/change/"), client.get(LIST)

    assert "resize" in text(page)
    assert listed(pages) == [task_id]


def test_there_are_no_pages_where_tasks_are_elsewhere(store, tmp_path):
    """An empty list would say that there are no tasks."""
    add(store)
    client = visitor(superuser=True)

    with override_settings(LILOTA={"STORE": f"sqlite:///{tmp_path / 'tasks.db'}"}):
        assert LIST not in text(client.get("/admin/"))
        get_client().close()
