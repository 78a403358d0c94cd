"""What each command of the command line does, on a real SQLite file."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from cli_calls import add_task, call, end_task, start_task

from lilota.contract import RunnerInfo
from lilota.foresight import Estimator
from lilota.models import AttemptUpdate, LogLine, Outcome, TaskError, TaskState

#: What the example task takes.
NUMBERS = ("number1=1", "number2=2")
HOSTILE = "\x1b[2Jevil\n\u202ename [red]x[/red]"


pytestmark = pytest.mark.usefixtures("url")


@pytest.mark.parametrize(
    "command",
    [
        "list",
        "counts --json",
        "show 1",
        "logs 1",
        "watch",
        "runners",
        "cancel 1",
        "retry 1",
        "prune --older-than 1d --yes",
    ],
)
def test_a_look_at_a_store_that_does_not_exist_leaves_nothing_behind(tmp_path, command):
    """In the wrong folder, say, one learns that no store is there."""
    result = call(*command.split())

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: There is no SQLite file {tmp_path}/tasks.db. The first `lilota add` or `lilota worker` makes it; "
        "or is another folder or store meant?\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_add_stores_the_task_and_prints_its_id(store):
    """Whoever adds gets the id alone on standard output, for scripts."""
    result = call("add", "add_two_numbers", *NUMBERS, "--description", "sum", "--priority", "5", "--queue", "q")

    assert (result.exit_code, result.stdout) == (0, "1\n")
    task = store.get(1)
    assert (task.input, task.description, task.priority, task.queue) == ({"number1": 1, "number2": 2}, "sum", 5, "q")


def test_add_can_delay_a_task(store):
    """Both ways to say "later" end as the instant at which the task is due."""
    call("add", "add_two_numbers", *NUMBERS, "--delay", "1h")
    call("add", "add_two_numbers", *NUMBERS, "--run-at", "2099-01-01T00:00:00Z")

    assert (store.get(1).run_at - store.get(1).created_at).total_seconds() == pytest.approx(3600, abs=1)
    assert store.get(2).run_at.year == 2099


def test_add_takes_headers_beside_the_input(store):
    """Each `--header` is a pair like those of the input; without one there are none."""
    call("add", "add_two_numbers", *NUMBERS, "--header", "trace=00-4bf92f", "--header", "user=17")
    call("add", "add_two_numbers", *NUMBERS)

    assert (store.get(1).headers, store.get(1).input) == (
        {"trace": "00-4bf92f", "user": 17},
        {"number1": 1, "number2": 2},
    )
    assert store.get(2).headers == {}


def test_add_refuses_an_unknown_name_with_the_nearest_one(store):
    """A typo is found before anything is stored, and the way out is named."""
    result = call("add", "add_two_number")

    assert result.exit_code == 1
    assert "Did you mean 'add_two_numbers'?" in result.stderr
    assert "--any-name" in result.stderr
    assert store.counts() == []


def test_a_header_that_is_no_pair_is_refused_with_how_to_write_one():
    """The options of an input, which its errors speak of, are no help."""
    result = call("add", "add_two_numbers", *NUMBERS, "--header", "trace")

    assert "'trace' is not key=value. A header is written as --header trace=00-4bf92f" in result.stderr
    assert "--input" not in result.stderr


def test_add_accepts_a_name_that_only_others_know_when_told(store):
    """A program may add tasks that another machine runs."""
    result = call("add", "--any-name", "strange")

    assert (result.exit_code, store.get(1).name) == (0, "strange")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "add_two_numbers", *NUMBERS, "--delay", "1", "--run-at", "2099-01-01"),
        ("add", "add_two_numbers", *NUMBERS, "--header", "trace"),
        ("add", "add_two_numbers", *NUMBERS, "--run-at", "tomorrow"),
        ("add", "add_two_numbers", *NUMBERS, "--input", "[]"),
        ("add",),
        ("show", "0"),
        ("show", "-1"),
        ("show", "1;id"),
        ("show", "9" * 30),
        ("cancel",),
        ("list", "--limit", "0"),
        ("list", "--state", "dead"),
        ("prune",),
        ("prune", "--older-than", "soon"),
        ("prune", "--older-than", "1d", "--state", "running"),
        ("worker", "--processes", "0"),
        ("worker", "--processes", "two"),
        ("worker", "--places-per-process", "0"),
        ("worker", "--task", "slow"),
        ("worker", "shop/tasks.py"),
        ("worker", "tasks.py"),
        ("worker", "--task", "slow=os.system('x')"),
        ("lst",),
        ("list", "--no-such-option"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_error_line(arguments):
    """What was typed wrong is named on standard error; nothing goes to standard output."""
    result = call(*arguments)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.strip().splitlines()[-1].startswith("Error: ")


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("logs",), ("watch",), ("cancel",), ("retry",), ("list", "--after"), ("cancel", "1")],
    ids=" ".join,
)
@pytest.mark.parametrize("typed", ["abc", "1x", "1.5", "٣", "0", "9" * 19, "9" * 5000, ""])
def test_what_is_no_id_is_refused_in_a_plain_sentence(arguments, typed):
    """It says what was typed and where ids come from; nothing is done for the good ids beside it."""
    result = call(*arguments, typed)

    message = f"Error: {typed!r:.60} is not the id of a task: ids are whole numbers, `lilota list` shows them."
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == message


def test_missing_folder_of_the_store_is_named():
    """No guess, no traceback: the folder and what to do about it."""
    result = call("add", "add_two_numbers", *NUMBERS, "--store", "sqlite:////no/such/folder/tasks.db")

    assert result.exit_code == 1
    assert result.stderr == (
        "Error: The folder '/no/such/folder' of the SQLite file does not exist. Create it, or choose another path.\n"
    )


def test_runners_lists_who_runs_how_many_tasks(store):
    """One line per runner, with its host and process, and how much it has to do."""
    start_task(store)
    start_task(store)
    store.heartbeat(RunnerInfo(id="idle", host="web-2", pid=77))

    lines = call("runners").stdout.splitlines()

    assert lines[0].split() == [
        "RUNNER", "STATE", "BUSY", "MEMORY", "STARTED", "HEARTBEAT", "PID", "HOST", "QUEUES", "TASKS",
    ]  # fmt: skip
    assert lines[1].split()[:3] == ["runner", "alive", "2"]
    assert lines[2].split()[:3] == ["idle", "alive", "0"]
    assert lines[2].split()[-4:] == ["77", "web-2", "?", "?"]


def test_runners_shows_which_runner_was_lost(store):
    """Until its tasks are taken back, one can see where they are."""
    start_task(store)
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0))

    assert "lease expired     1" in call("runners").stdout


def test_runners_shows_why_a_runner_failed(store):
    """As long as it is registered; machines find what it told under "about"."""
    about = json.dumps({"failure": "OSError: no room for password=hush"})
    store.heartbeat(RunnerInfo(id="runner", lease_seconds=0, about_json=about))

    _, state, reason = call("runners").stdout.splitlines()
    (runner,) = json.loads(call("runners", "--json").stdout)

    assert state.split()[:2] == ["runner", "failed"]
    assert reason == "The runner runner failed: OSError: no room for password=***"
    assert runner["about"]["failure"].startswith("OSError")


def test_runners_shows_what_troubles_a_runner_that_goes_on(store):
    """Such as tasks that it does not take any more; `doctor` warns of the same."""
    about = json.dumps({"troubles": ["Tasks named 'a' are not taken any more: password=hush", "Another."]})
    store.heartbeat(RunnerInfo(id="runner", host="web-1", pid=7, about_json=about))

    lines = call("runners").stdout.splitlines()
    findings = json.loads(call("doctor", "--json").stdout)["findings"]

    assert lines[-3].split()[:2] == ["runner", "alive"]
    assert lines[-2:] == [
        "The runner runner: Tasks named 'a' are not taken any more: password=***",
        "The runner runner: Another.",
    ]
    assert [(finding["status"], finding["text"]) for finding in findings if finding["check"] == "runners"] == [
        ("warning", "The runner runner (process 7 on web-1): Tasks named 'a' are not taken any more: password=***"),
        ("warning", "The runner runner (process 7 on web-1): Another."),
    ]


def test_runners_for_machines_is_one_document(store):
    """Stable keys, instants in UTC."""
    start_task(store)
    store.heartbeat(RunnerInfo(id="runner", host="web-1", pid=4711, lease_seconds=45))

    (runner,) = json.loads(call("runners", "--json").stdout)

    assert runner["started_at"] <= runner["heartbeat_at"]
    assert runner["heartbeat_at"].endswith("Z")
    assert {key: value for key, value in runner.items() if not key.endswith("_at")} == {
        "id": "runner",
        "host": "web-1",
        "pid": 4711,
        "lease_seconds": 45.0,
        "about": {},
        "has_expired": False,
        "running_tasks": 1,
    }


def test_runners_of_a_store_without_any_says_how_to_start_one(store):
    """An empty table would leave one wondering; for machines it is an empty list."""
    assert call("runners").stdout == "No runner is registered. Start one with: lilota worker\n"
    assert json.loads(call("runners", "--json").stdout) == []


def test_hosts_can_not_draw_on_the_terminal(store):
    """Another machine says what its name is."""
    store.heartbeat(RunnerInfo(id=HOSTILE, host=HOSTILE))

    assert "\x1b" not in call("runners").stdout


def test_a_double_dash_ends_the_options(store):
    """A task name or value may look like an option."""
    result = call("add", "--any-name", "--", "--help", "--x=1")

    assert result.exit_code == 0
    assert (store.get(1).name, store.get(1).input) == ("--help", {"--x": 1})


def test_list_shows_the_newest_tasks_below_the_counts(store):
    """One look tells how many tasks are in which state, and what became of the newest."""
    end_task(store, start_task(store, description="first"))
    end_task(store, start_task(store), TaskState.FAILED, error=TaskError(type="ValueError", message="bad file"))
    add_task(store, description="third")

    lines = call("list").stdout.splitlines()

    assert lines[0].startswith("1 pending · 1 succeeded · 1 failed")
    assert [line.split()[0] for line in lines[3:]] == ["3", "2", "1"]
    assert "ValueError: bad file" in lines[4]
    assert "first" in lines[5]


def test_list_shows_of_a_failed_task_what_it_was_and_why(store):
    """Many tasks may have the same name; a long description leaves room for the error."""
    error = TaskError(type="ValueError", message="bad file")
    end_task(store, start_task(store, description="holiday.jpg"), TaskState.FAILED, error=error)
    end_task(store, start_task(store, description="d" * 200), TaskState.FAILED, error=error)

    long, short = (line.split("resize")[1].strip() for line in call("list").stdout.splitlines()[-2:])

    assert short == "holiday.jpg  ValueError: bad file"
    assert long == f"{'d' * 40}...  ValueError: bad file"


def test_list_has_pages(store):
    """The end of a page says how to get the next one."""
    for _ in range(5):
        add_task(store)

    first = call("list", "--limit", "2")
    second = call("list", "--limit", "3", "--after", "4")

    assert "--after 4" in first.stdout
    assert "There are more" not in second.stdout
    assert [line.split()[0] for line in second.stdout.splitlines()[3:6]] == ["3", "2", "1"]


def test_list_filters_by_state_name_and_queue(store):
    """All conditions must hold."""
    add_task(store, "a")
    add_task(store, "a", queue="q")
    add_task(store, "b", queue="q")

    result = call("list", "--json", "--name", "a", "--queue", "q", "--state", "pending")

    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == [2]


def test_list_for_machines_has_stable_keys(store):
    """Programs can rely on these keys and on instants in UTC."""
    add_task(store)

    task = json.loads(call("list", "--json").stdout)

    assert set(task) == {
        "id", "name", "description", "state", "queue", "priority", "owner", "progress_percentage", "reported_progress",
        "progress", "attempt", "lost_attempts", "cancel_requested", "pid", "runner_id",
        "created_at", "run_at", "started_at", "finished_at", "error", "served", "estimate",
    }  # fmt: skip
    assert task["created_at"].endswith("Z")
    assert task["started_at"] is None


def test_an_empty_store_is_explained(store):
    """Whoever is new learns the next step."""
    result = call("list")

    assert result.exit_code == 0
    assert "lilota add" in result.stdout


def test_counts_are_by_queue_name_and_state(store):
    """The same numbers for people and for machines."""
    add_task(store, "a")
    add_task(store, "a")
    end_task(store, start_task(store, "b"))

    assert "default  a" in call("counts").stdout
    assert json.loads(call("counts", "--json").stdout) == [
        {"queue": "default", "name": "a", "state": "pending", "count": 2},
        {"queue": "default", "name": "b", "state": "succeeded", "count": 1},
    ]


def test_show_tells_all_about_a_task(store):
    """Input, output, error with traceback, attempts: what one needs to understand its fate."""
    error = TaskError(type="ValueError", message="bad", traceback="Traceback:\n  line 1")
    task_id = end_task(
        store,
        start_task(store, input_json='{"n": 1}', progress=40),
        TaskState.FAILED,
        output='{"part": 2}',
        error=error,
    )

    shown = call("show", str(task_id)).stdout

    for part in ("resize", "failed", "40 %", '"n": 1', '"part": 2', "ValueError: bad", "    line 1"):
        assert part in shown


def test_show_leads_from_a_running_task_to_its_stack(store):
    """Who looks at one that runs for too long wants to know where it is; of one that has ended nobody can say."""
    running = start_task(store, progress=46.66)
    shown = call("show", "1").stdout
    end_task(store, running)

    assert "progress  47 %" in shown
    assert shown.endswith("What it logged: lilota logs 1; where it is: lilota stack 1\n")
    assert "lilota stack" not in call("show", "1").stdout


def test_show_tells_a_task_that_was_given_back_from_one_that_never_began(store):
    """Its runner stopped: the attempt does not count, but it has begun."""
    add_task(store, "fresh")
    given_back = start_task(store)
    outcome = Outcome(state=TaskState.PENDING, spends_attempt=False)
    store.commit([AttemptUpdate(id=given_back.id, token=given_back.token, outcome=outcome)])

    assert "attempt   none yet\n" in re.sub(" +\n", "\n", call("show", "1").stdout)
    assert "attempt   none yet that counts\n" in re.sub(" +\n", "\n", call("show", "2").stdout)


def test_show_does_not_say_when_a_task_is_due_that_has_ended(store):
    """It is not due any more, also where its worker died before it told of its start."""
    add_task(store, run_at=datetime.now(UTC) + timedelta(hours=1))
    assert "due  " in call("show", "1").stdout

    store.cancel(1)

    assert "due  " not in call("show", "1").stdout


def test_show_hides_secrets_unless_asked(store):
    """A password in an input is not put onto a shared screen by accident, for people or machines."""
    add_task(store, input_json='{"smtp": [{"password": "hunter2"}], "db": "pg://u:hunter2@h"}')

    assert "hunter2" not in call("show", "1").stdout + call("show", "1", "--json").stdout
    assert call("show", "1", "--reveal").stdout.count("hunter2") == 2
    assert json.loads(call("show", "1", "--json", "--reveal").stdout)["input"]["db"] == "pg://u:hunter2@h"


def test_show_hides_what_a_parameter_says_is_secret(store):
    """Whatever its name, and whatever it looks like; the value of a number shows its mark nowhere."""
    headers = '{"lilota.hidden":["pin"]}'
    add_task(store, input_json='{"pin": 471147, "user": "ann"}', headers_json=headers)

    assert "471147" not in call("show", "1").stdout + call("show", "1", "--json").stdout
    assert json.loads(call("show", "1", "--json").stdout)["headers"] == {"lilota.hidden": ["pin"]}
    assert "471147" in call("show", "1", "--reveal").stdout


def test_what_machines_read_is_what_the_library_returns(store):
    """A web page and a script see the same keys."""
    task_id = add_task(store, input_json='{"token": "hunter2"}')
    task = store.get(task_id)

    shown, revealed = (json.loads(call("show", str(task_id), "--json", *more).stdout) for more in ([], ["--reveal"]))
    listed = json.loads(call("list", "--json").stdout)
    assert shown.pop("waits_for")  # what a store and its runners know together, no record alone
    assert shown["estimate"] == listed["estimate"] == revealed["estimate"]  # nobody lives who would start it
    (task,) = Estimator(store).foreseen([task])
    assert shown.pop("node") is None  # as its log tells
    assert shown.pop("attempts") == []  # as its notes tell
    del revealed["waits_for"], revealed["node"], revealed["attempts"], listed["served"]
    assert shown == task.to_dict()
    assert revealed == task.to_dict(reveal_secrets=True)
    assert listed == task.summary()


def test_show_names_a_task_that_does_not_exist(store):
    """The exit code and the message are for the person, not a traceback."""
    result = call("show", "77")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: The task with the id '77' does not exist")


def test_logs_shows_lines_from_a_level_on(store):
    """Quiet lines can be left out; what belongs to which source is seen."""
    lines = (
        LogLine(at=1.0, text="begun"),
        LogLine(at=2.0, text="hm", level=30),
        LogLine(at=3.0, text="said", source="output"),
    )
    end_task(store, start_task(store, lines=lines))

    shown = [line.split()[1:3] for line in call("logs", "1").stdout.splitlines()]
    assert shown[:3] == [["INFO", "begun"], ["WARNING", "hm"], ["printed", "said"]]
    assert "begun" not in call("logs", "1", "--level", "WARNING").stdout


def test_logs_can_be_followed_until_the_task_has_ended(store):
    """Following a task that has ended gives all lines and stops."""
    end_task(store, start_task(store, lines=(LogLine(at=1.0, text="only"),)))

    result = call("logs", "1", "--follow", "--json")

    first = json.loads(result.stdout.splitlines()[0])
    assert (first["text"], first["at"], first["attempt"]) == ("only", "1970-01-01T00:00:01Z", 1)


def test_cancel_acts_on_every_id_and_fails_if_one_fails(store):
    """One wrong id does not keep the others from being cancelled."""
    add_task(store)
    end_task(store, start_task(store, "other"))
    start_task(store, "running")

    result = call("cancel", "1", "2", "99", "3")

    assert result.exit_code == 1
    assert "Task 1 is cancelled." in result.stdout
    assert "Task 3 is running and was asked to end" in result.stdout
    assert len(result.stderr.splitlines()) == 2
    assert store.get(1).state is TaskState.CANCELLED


def test_retry_makes_a_failed_task_pending_again(store):
    """Only what failed or was cancelled can be retried."""
    end_task(store, start_task(store), TaskState.FAILED, error=TaskError(type="E", message=""))

    assert call("retry", "1").exit_code == 0
    assert store.get(1).state is TaskState.PENDING
    assert call("retry", "1").exit_code == 1


def test_prune_deletes_what_ended_after_asking(store):
    """A no keeps everything; a yes deletes what ended, and nothing that waits."""
    end_task(store, start_task(store))
    add_task(store)

    refused = call("prune", "--older-than", "0", stdin="n\n")
    kept = len(store.get_all_tasks())
    agreed = call("prune", "--older-than", "0", stdin="y\n")

    assert (refused.exit_code, kept) == (1, 2)
    assert "Deleted 1 task." in agreed.stdout
    assert [task.id for task in store.get_all_tasks()] == [2]


def test_prune_goes_through_all_pages(store, monkeypatch):
    """However many there are, one call deletes them."""
    monkeypatch.setattr("lilota.cli.commands.prune._PAGE", 2)
    for _ in range(5):
        end_task(store, start_task(store))

    result = call("prune", "--older-than", "0", "--yes", "--state", "succeeded")

    assert (result.stdout, store.counts()) == ("Deleted 5 tasks.\n", [])


def test_watch_ends_when_the_tasks_have_and_its_exit_code_is_their_fate(store):
    """A script can wait for tasks by id."""
    good = end_task(store, start_task(store))
    bad = end_task(store, start_task(store), TaskState.FAILED, error=TaskError(type="ValueError", message="bad"))

    assert call("watch", str(good)).exit_code == 0
    both = call("watch", str(good), str(bad))
    assert both.exit_code == 1
    assert both.stdout.splitlines() == ["1 resize succeeded", "2 resize failed: ValueError: bad"]


def test_watch_without_ids_says_when_nothing_runs(store):
    """There is nothing to wait for."""
    assert call("watch").stdout == "No task is waiting or running.\n"


def test_watch_refuses_an_id_that_does_not_exist(store):
    """It would wait forever."""
    assert call("watch", "5").exit_code == 1


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("command", [("list",), ("show", "1"), ("logs", "1"), ("counts",), ("watch", "1")])
def test_hostile_data_can_not_touch_the_terminal(store, command, as_json):
    """No escape, line break or direction mark from a task reaches the output raw, and markup is not interpreted."""
    error = TaskError(type="ValueError", message=HOSTILE, traceback=HOSTILE)
    line = LogLine(at=1.0, text=HOSTILE)
    started = start_task(
        store, HOSTILE, description=HOSTILE, queue="q", input_json=json.dumps({HOSTILE: HOSTILE}), lines=(line,)
    )
    end_task(store, started, TaskState.FAILED, error=error)

    result = call(*command, *(["--json"] if as_json and command[0] != "watch" else []))

    assert not {"\x1b", "\u202e"} & set(result.output)
    assert as_json or "[red]x[/red]" in result.output
    assert not any(row.startswith("name") for row in result.output.splitlines())


def test_the_store_can_be_named_before_and_behind_the_command(tmp_path):
    """The last one that was typed wins, over the environment too."""
    before = f"sqlite:///{tmp_path}/before.db"

    call("--store", before, "add", "add_two_numbers", *NUMBERS)
    behind = call("--store", "nonsense://", "list", "--json", "--store", before)

    assert json.loads(behind.stdout)["id"] == 1


def test_a_private_store_is_warned_of():
    """A store in memory ends with the command; whoever adds to it must know."""
    result = call("--store", "memory", "add", "add_two_numbers", *NUMBERS)

    assert result.exit_code == 0
    assert result.stderr.startswith("Warning: this store lives in this process alone")


def test_a_narrow_terminal_width_keeps_the_columns_that_matter(store, monkeypatch):
    """With 80 columns ids, states and times stay whole; only the last column is cut."""
    monkeypatch.setenv("COLUMNS", "80")
    end_task(store, start_task(store, description="d" * 200, queue="a_queue"))

    lines = call("list").stdout.splitlines()

    assert max(map(len, lines[2:])) <= 80
    assert "✔ succeeded" in lines[-1]
    assert lines[-1].endswith("…")


def test_no_colour_is_written_where_there_is_no_terminal(store):
    """Files and pipes get text alone."""
    end_task(store, start_task(store))

    assert "\x1b" not in call("list").output + call("show", "1").output + call("doctor").output + call("plugins").output
