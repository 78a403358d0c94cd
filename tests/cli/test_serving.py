"""How the command line tells why nothing happens: who serves what, and what to type where nobody does."""

from __future__ import annotations

import json

import pytest
from cli_calls import add_task, call, start_task

from lilota.contract import ClaimRequest, RunnerInfo
from lilota.contract.rules import node_line
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState
from lilota.running.about import with_service

HOSTILE = "\x1b[2Jevil\n\u202ename"
BROKEN = (
    '{"names": 7, "queues": {}, "troubles": 3, "places": "x", "failure": 4}',
    "[1]",
    "no JSON",
    '{"x": ' + "[" * 900,
    '{"memory_mb": 1e308}',
    '{"memory_mb": 1e999, "names": ["resize"]}',
)


def beat(store, runner_id="r", names=("resize",), queues=None, *, places=2, **about):
    """Let a runner tell with a heartbeat what it serves."""
    serves = ClaimRequest(runner_id=runner_id, names=tuple(names), queues=queues)
    store.heartbeat(with_service(RunnerInfo(id=runner_id, host="h"), serves, serves, places=places, **about))


def cells(line):
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_runners_shows_names_queues_and_how_many_places_are_busy(store):
    """What an operator asks first when nothing happens."""
    beat(store, queues=("images", "default"), places=4)
    add_task(store)
    store.claim(ClaimRequest(runner_id="r", names=("resize",)))

    _, row = call("runners").stdout.splitlines()
    (for_machines,) = json.loads(call("runners", "--json").stdout)

    assert cells(row)[:3] == ["r", "alive", "1 of 4"]
    assert cells(row)[-2:] == ["default, images", "resize"]
    about = for_machines["about"]
    assert (about["names"], about["queues"], about["places"]) == (["resize"], ["images", "default"], 4)
    assert for_machines["running_tasks"] == 1


def test_runners_shortens_long_lists_unless_asked(store):
    """A row stays a row; `--full` has all."""
    beat(store, names=[f"task_{number}" for number in range(50)])
    beat(store, "stops", is_stopping=True)

    row, stops = call("runners").stdout.splitlines()[1:]

    assert cells(row)[-2:] == ["all", "task_0, task_1, task_10 and 47 more"]
    assert cells(stops)[1] == "stopping"
    assert "task_49" in call("runners", "--full").stdout


def test_runners_says_how_many_places_are_on_which_node(store):
    """Of many the first ones, unless asked; of a runner whose places are all on its machine nothing."""
    beat(store, "here")
    beat(store, "far", nodes={"tcp://b:1": 2, HOSTILE: 1, "tcp://a:1": 4, "tcp://c:1": 1})

    said = call("runners").stdout.splitlines()[3:]
    in_full = call("runners", "--full").stdout
    told = [runner["about"].get("nodes") for runner in json.loads(call("runners", "--json").stdout)]

    assert len(said) == 1
    assert said[0].startswith("The runner far has the places: 1 on ")
    assert said[0].endswith(" and 1 more")
    assert "\x1b" not in in_full
    assert "4 on tcp://a:1" in in_full
    assert told == [None, {"tcp://b:1": 2, HOSTILE: 1, "tcp://a:1": 4, "tcp://c:1": 1}]


def test_a_runner_of_many_nodes_tells_as_many_as_a_heartbeat_carries(store):
    """And how many it has besides."""
    beat(store, nodes={f"tcp://10.0.{number // 256}.{number % 256}:40000": 1 for number in range(5_000)})

    (runner,) = json.loads(call("runners", "--json").stdout)

    assert len(runner["about"]["nodes"]) + runner["about"]["more_nodes"] == 5_000
    assert 100 < len(runner["about"]["nodes"]) < 1_000


def test_runners_shows_how_much_memory_each_takes(store):
    """As it tells; one of an older lilota, or on a system that does not say it, has a question mark."""
    beat(store, "large", memory_bytes=2_140_000_000)
    beat(store, "silent")

    large, silent = call("runners").stdout.splitlines()[1:]
    told = [runner["about"].get("memory_mb") for runner in json.loads(call("runners", "--json").stdout)]

    assert cells(large)[:4] == ["large", "alive", "0 of 2", "2.14 GB"]
    assert cells(silent)[:4] == ["silent", "alive", "0 of 2", "?"]
    assert told == [2140.0, None]


def test_runners_keeps_its_numbers_whole_in_a_narrow_terminal(store, monkeypatch):
    """Ids are cut there, and names last of all; `--json` has all."""
    beat(store, "318126f0ff1d6f5d", memory_bytes=261_000_000)
    monkeypatch.setenv("COLUMNS", "80")

    header, row = call("runners").stdout.splitlines()

    assert max(len(header), len(row)) <= 80
    assert cells(row)[:4] == ["318126f0", "alive", "0 of 2", "261 MB"]
    assert cells(row)[-2:] == ["all", "resize"]


@pytest.mark.parametrize("nodes", [(), ("tcp://a:1", "tcp://b:1")])
def test_show_tells_the_node_of_the_newest_attempt(store, nodes):
    """As its log does; of one that ran beside its runner nothing is told."""
    lines = tuple(node_line(number, node, 7, 1.0) for number, node in enumerate(nodes, 1))
    task_id = start_task(store, lines=lines).id

    shown = call("show", str(task_id)).stdout
    node = json.loads(call("show", str(task_id), "--json").stdout)["node"]

    assert node == (nodes[-1] if nodes else None)
    assert ("tcp://b:1" in shown) is bool(nodes)
    assert "tcp://a:1" not in shown


def test_runners_says_what_waits_in_vain(store):
    """Once for each reason, with what to type; of many names the most frequent ones."""
    beat(store, queues=("default",))
    for _ in range(3):
        add_task(store, queue="mail")
    add_task(store, "send", queue="mail")
    for number in range(9):
        add_task(store, f"strange{number}")

    lines = call("runners").stdout.splitlines()[2:]

    assert lines[0] == (
        "3 tasks wait in vain. No living runner serves the queue 'mail', only 'default'. "
        "Start one with: lilota worker --queue mail"
    )
    assert lines[-1].startswith("6 tasks wait of other names or queues that no runner serves")


@pytest.mark.parametrize("about_json", BROKEN)
def test_what_strangers_tell_of_themselves_breaks_no_command(store, about_json):
    """Whoever reaches the store can register as a runner, with whatever it likes."""
    store.heartbeat(RunnerInfo(id="r", about_json=about_json))
    add_task(store)

    for command in (("runners",), ("runners", "--json"), ("runners", "--full"), ("list",), ("show", "1"), ("doctor",)):
        result = call(*command)
        assert result.exit_code == 0, result.output
        assert "no runner serves" not in result.output.lower()


def test_names_of_runners_and_queues_can_not_draw_on_the_terminal(store):
    """Neither those that a runner tells, nor those of a task that nobody serves."""
    beat(store, HOSTILE, names=(HOSTILE,), queues=(HOSTILE,), troubles=(HOSTILE,))
    add_task(store, HOSTILE + "x", queue=HOSTILE)

    for command in ("runners", "list", "show 1", "doctor"):
        assert not {"\x1b", "\u202e"} & set(call(*command.split()).output)
        assert not any(line.startswith("name") for line in call(*command.split()).output.splitlines())


def test_list_marks_what_no_runner_serves(store):
    """In the row, and below with the remedy; machines get true, false or null."""
    beat(store)
    start_task(store, "other")
    add_task(store, queue="images")
    add_task(store, "strange")

    lines = call("list").stdout.splitlines()
    served = {task["id"]: task["served"] for task in map(json.loads, call("list", "--json").stdout.splitlines())}

    # The runner of the started task tells nothing of itself: it may serve anything.
    assert served == {1: None, 2: True, 3: None}
    assert not any("no runner serves this" in line for line in lines)
    store.release("runner")

    rows = call("list").stdout.splitlines()
    served = {task["id"]: task["served"] for task in map(json.loads, call("list", "--json").stdout.splitlines())}

    assert served == {1: False, 2: True, 3: False}
    assert [line.split()[0] for line in rows if "no runner serves this" in line] == ["3", "1"]
    assert rows[-1].startswith("1 task waits in vain. No living runner has the task 'strange'.")


def test_show_says_why_a_task_waits(store):
    """The answer to "why does task 1 wait", for people and for machines."""
    add_task(store, queue="mail")

    shown = call("show", "1").stdout
    told = json.loads(call("show", "1", "--json").stdout)["waits_for"]

    text = "No runner is alive on this store; start one with: lilota worker"
    assert [line.split(maxsplit=1)[1] for line in shown.splitlines() if line.startswith("waits")] == [text]
    assert told == [{"kind": "runner", "text": text}]


def test_show_of_a_task_that_waits_for_its_retry_tells_when_and_of_which_error(store):
    """Beside the error of the attempt that was."""
    beat(store)
    update = start_task(store)
    error = TaskError(type="ValueError", message="bad file", traceback="Traceback: here")
    outcome = Outcome(state=TaskState.PENDING, error=error, delay_seconds=600)
    store.commit([AttemptUpdate(id=update.id, token=update.token, outcome=outcome)])

    shown = call("show", str(update.id)).stdout

    assert "waits     The next attempt, number 2, is due at " in shown
    assert "; attempt 1 ended with ValueError." in shown
    assert "\nError of attempt 1\n  ValueError: bad file\n" in shown


def test_show_of_a_task_that_runs_or_has_ended_waits_for_nothing(store):
    """And nobody is asked."""
    update = start_task(store)

    assert json.loads(call("show", str(update.id), "--json").stdout)["waits_for"] == []
    assert "waits " not in call("show", str(update.id)).stdout
