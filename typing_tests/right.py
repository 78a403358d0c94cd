"""Uses in which no type checker may find anything, and what it must know of their results."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_type

from tasks import Plain, Report, Resize, clean, fetch, make_report, make_yearly, show

from lilota import BoundTask, TaskBase, TaskClient, TaskContext, TaskHandle, TaskRunner, as_completed, task
from lilota.contract import TaskCount
from lilota.models import TaskInfo


def bind() -> None:
    assert_type(make_report.bind("march"), BoundTask[Report])
    make_report.bind(month="march", width=3)
    assert_type(make_yearly.bind(2026), BoundTask[list[Report]])
    make_yearly.bind(year=2026)
    assert_type(fetch.bind("https://example.com"), BoundTask[bytes])
    show.bind(3)
    show.bind(value="x")
    assert_type(clean.bind(), BoundTask[None])


async def call(context: TaskContext) -> None:
    assert_type(make_report("march"), Report)
    assert_type(make_yearly(context, 2026), list[Report])
    assert_type(await fetch("https://example.com"), bytes)


def add(client: TaskClient, runner: TaskRunner) -> None:
    assert_type(client.add(make_report.bind("march")), TaskHandle[Report])
    assert_type(runner.add(make_report.bind("march"), priority=5).result(), Report)
    assert_type(runner.add(fetch.bind("x")).result(60), bytes)
    assert_type(client.add("make_report", "A report", {"month": "march"}), TaskHandle[Any])
    assert_type(client.add_many([make_report.bind("march")]), list[TaskHandle[Report]])
    runner.add(make_report.bind("march"), owner="user-17")
    assert_type(client.find(owner="user-17"), Iterator[TaskInfo])
    assert_type(client.counts(owner="user-17"), list[TaskCount])
    client.add_many([{"name": "make_report", "input": {"month": "march"}}, make_report.bind("may")])
    for handle in as_completed(runner.add_many([make_report.bind("march")])):
        assert_type(handle.result(), Report)
    for report in client.map(make_report, [{"month": "march"}]):
        assert_type(report, Report)


async def wait(client: TaskClient) -> None:
    assert_type(await client.add(make_report.bind("march")), Report)


def register(client: TaskClient, runner: TaskRunner) -> None:
    runner.register(make_report)
    runner.register("reports", make_report)
    client.register("resize", Resize)
    client.register("plain", Plain)
    kinds: list[type[TaskBase]] = [Resize, Plain, make_report.task_class]
    print(kinds)


def plain(month: str) -> int:
    return len(month)


assert_type(task(plain).bind("march"), BoundTask[int])
assert_type(task(name="other")(plain).bind(month="march"), BoundTask[int])
