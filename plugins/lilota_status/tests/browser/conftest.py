"""What the tests in a browser share: a runner, an application with its tasks, and somebody who visits it."""

from __future__ import annotations

import pytest
import shown_tasks
import sites
from lilota_status.asgi import status_app

from lilota import TaskRunner


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    """A runner with two places, and the tasks that are looked at."""
    folder = tmp_path_factory.mktemp("runner")
    runner = TaskRunner(f"sqlite:///{folder}/tasks.db", ref_keys=["k" * 32], number_of_processes=2)
    for task in shown_tasks.ALL:
        runner.register(task)
    with runner:
        yield runner


@pytest.fixture(scope="module")
def site(runner):
    """An application that shows everybody all tasks, and has those of Ann as "mine"."""
    site = sites.Site(status_app(runner.client, allow=lambda *_: True, owner=lambda _request: "Ann"))
    yield site
    site.close()


#: An element that hears nothing for five seconds, as on a busy machine, takes its stream for held back, and polls.
_PATIENT = """const later = window.setTimeout;
window.setTimeout = (run, wait, ...more) => later(run, wait === 5000 ? 90000 : wait, ...more)"""


@pytest.fixture
def visitor(new_visitor):
    """Somebody with a browser that is patient; elsewhere in these tests it is somebody with an HTTP client."""
    visitor = new_visitor()
    visitor.context.add_init_script(_PATIENT)
    return visitor


@pytest.fixture
def add(runner, tmp_path):
    """Add a task of Ann's, which gets the folder of the test if it waits for files; cancel it in the end."""
    handles = []

    def add(task, *arguments, owner="Ann"):
        folder = (str(tmp_path),) if task in shown_tasks.WAITING else ()
        handles.append(runner.add(task.bind(*folder, *arguments), owner=owner))
        return handles[-1]

    yield add
    for handle in handles:
        handle.cancel()


@pytest.fixture
def go_on(tmp_path):
    """Make files, for which tasks wait."""

    def go_on(*names):
        for name in names:
            (tmp_path / str(name)).touch()

    return go_on


@pytest.fixture
def see(visitor, site):
    """Open a page with the elements of some tasks."""

    def see(*handles, by=visitor, attributes=""):
        elements = (f'<lilota-task ref="{handle.ref}" {attributes}></lilota-task>' for handle in handles)
        return by.open(site.with_page("".join(elements)))

    return see
