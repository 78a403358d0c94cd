"""Uses that a type checker must find: one in each line that ends in a mark, and nothing in the others."""

from __future__ import annotations

from tasks import fetch, make_report, make_yearly

from lilota import TaskClient, TaskRunner, task


def bind() -> None:
    make_report.bind()  # wrong: an argument is missing
    make_report.bind(3)  # wrong: of another type
    make_report.bind("march", "wide")  # wrong: the second one, too
    make_report.bind("march", 3, 4)  # wrong: one too many
    make_report.bind(mont="march")  # wrong: misspelt
    make_yearly.bind("2026")  # wrong: behind a context
    fetch.bind(3)  # wrong: of a coroutine function


def add(client: TaskClient, runner: TaskRunner) -> None:
    month: int = client.add(make_report.bind("march")).result()  # wrong: the result is a Report
    runner.add(make_report.bind("march")).result().year  # wrong: a Report has no year
    text: str = runner.add(fetch.bind("x")).result()  # wrong: what is awaited is bytes
    runner.add(make_report)  # wrong: not bound
    runner.add(make_report.bind("march"), prioriti=3)  # wrong: no such option
    runner.add(make_report.bind("march"), owner=17)  # wrong: an owner is text
    client.find(owners=["user-17"])  # wrong: one owner
    for report in client.map(make_report, [{"month": "march"}]):
        report.year  # wrong: each of them is a Report
    print(month, text)


@task(max_attempts="3")  # wrong: a number
def tried_often() -> None: ...
