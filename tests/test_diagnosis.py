"""What a program learns about its installation: each finding has a status, a stable word, and the remedy."""

from __future__ import annotations

import errno
import json
from datetime import UTC, datetime

import pytest

from lilota.config import Settings, load_settings
from lilota.contract import RegisteredRunner, StoreCapabilities, TaskCount
from lilota.diagnosis import _configured_tasks, _promises, _waiting_tasks, examine
from lilota.models import TaskState
from lilota.plugins import Plugins
from lilota.registry import Registry
from lilota.serving import Serving


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_program_can_examine_its_installation_itself(folder):
    """Nothing is printed, and the store that was named is the one that answers."""
    findings = list(examine(f"sqlite:///{folder}/own.db"))

    assert not [finding for finding in findings if finding.status == "problem"]
    assert "own.db" in next(finding.text for finding in findings if finding.check == "store")


def test_to_examine_a_store_does_not_make_it(folder):
    """Who looks in the wrong folder leaves nothing there that could be taken for the store."""
    findings = list(examine(f"sqlite:///{folder}/own.db"))

    [store] = [finding for finding in findings if finding.check == "store" and finding.status == "ok"]
    assert store.text.endswith("own.db yet. The first `lilota add` or `lilota worker` makes it.")
    assert "durable" in {finding.check for finding in findings}
    assert list(folder.iterdir()) == []


def test_a_folder_in_which_a_store_could_not_be_made_is_a_problem(folder):
    """Nobody has to add a task to learn of it: with such a store nothing works."""
    findings = list(examine(f"sqlite:///{folder}/nowhere/own.db"))

    texts = [finding.text for finding in findings if finding.status == "problem"]
    assert f"There is no folder '{folder}/nowhere', so '{folder}/nowhere/own.db' can't be made." in " ".join(texts)


def test_a_program_can_say_what_is_configured(folder):
    """As a project does that has settings of its own."""
    findings = list(examine(load=lambda: load_settings(place="the project", store=f"sqlite:///{folder}/own.db")))

    assert "The store is set by the project." in [finding.text for finding in findings]


def test_a_store_that_can_not_be_opened_is_a_finding_without_its_password():
    """And not an error: whatever can still be said is said."""
    findings = list(examine("postgresql://ann:hunter2@127.0.0.1:1/none?connect_timeout=1"))

    assert [finding.check for finding in findings[:2]] == ["lilota", "processes"]
    assert (findings[-1].status, findings[-1].check) == ("problem", "store")
    assert "hunter2" not in findings[-1].text


def test_configured_tasks_that_can_not_be_imported_are_problems(folder):
    """Each with the file in which it stands; what lies in the current folder is found, as `lilota worker` finds it."""
    (folder / "diagnosed_tasks.py").write_text(
        "from lilota import TaskBase\nclass Good(TaskBase):\n    retries = 3\n    def run(self): return None\n"
    )
    (folder / "lilota.toml").write_text('[tasks]\ngood = "diagnosed_tasks:Good"\nlost = "diagnosed_tasks:Lost"\n')

    found = {finding.status: finding.text for finding in _configured_tasks(Plugins(load_settings()))}

    assert found["ok"] == "1 configured task can be imported."
    assert "lilota does not read diagnosed_tasks.Good.retries. Did you mean 'max_attempts'" in found["warning"]
    assert "module 'diagnosed_tasks' has no attribute 'Lost'" in found["problem"]
    assert found["problem"].endswith(f"It is configured in {folder}/lilota.toml.")


WAITS = TaskCount(queue="default", name="family:child", state=TaskState.PENDING, count=3)


def known_here():
    return Registry(Plugins(Settings(plugins_off=True, tasks={"known": "known:Known", "family:*": "known:Known"})))


def runner(**about):
    """Return a living runner that tells this of itself."""
    now = datetime.now(UTC)
    told = json.dumps(about)
    return RegisteredRunner(
        id="r", host="h", pid=1, lease_seconds=9, started_at=now, heartbeat_at=now, has_expired=False, about_json=told
    )


def test_tasks_that_have_ended_do_not_wait_for_anybody():
    """Only pending and waiting tasks are judged, and a family is as good as a name."""
    found = [TaskCount(queue="default", name="old", state=TaskState.FAILED, count=3), WAITS]

    (finding,) = _waiting_tasks(found, known_here(), Serving([runner(names=["family:*"], queues=None)]))

    assert (finding.status, finding.text) == ("ok", "3 tasks waiting; 2 task names can be run here.")


def test_tasks_that_no_runner_serves_are_a_warning_with_the_remedy():
    """Whether the name is known here or not: a runner has to be started."""
    (finding,) = _waiting_tasks([WAITS], known_here(), Serving(()))

    assert (finding.status, finding.text) == (
        "warning", "3 tasks wait in vain. No runner is alive on this store; start one with: lilota worker",
    )  # fmt: skip


def test_a_name_that_is_unknown_here_and_served_elsewhere_is_no_warning():
    """As where a web server adds what other machines run."""
    strange = TaskCount(queue="default", name="strange", state=TaskState.PENDING, count=1)

    statuses = [
        [finding.status for finding in _waiting_tasks([strange], known_here(), Serving([runner(**about)]))]
        for about in ({"names": ["strange"], "queues": None}, {})
    ]

    assert statuses == [["ok"], ["warning"]]


def test_a_store_that_forgets_is_a_warning_with_the_way_out():
    """Its own warnings are passed on."""
    promises = StoreCapabilities(
        description="memory", durable=False, forgets=True, multi_process=False, warnings=("beware",)
    )

    findings = list(_promises(promises))

    assert {finding.status for finding in findings} == {"warning"}
    assert "sqlite:///" in findings[0].text
    assert findings[-1].text == "beware"


def test_a_store_that_may_lose_the_last_moment_is_a_warning_of_its_own():
    """It keeps its tasks over the end of a process, so nobody is sent to another store."""
    promises = StoreCapabilities(description="Redis", durable=False, multi_process=True, multi_host=True)

    finding = next(_promises(promises))

    assert finding.status == "warning"
    assert "last second" in finding.text
    assert "sqlite" not in finding.text


def test_a_system_on_which_no_worker_can_be_started_has_a_problem(monkeypatch, tmp_path):
    """One is started to find out; the finding says the remedy."""

    def fail(*_arguments):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("lilota.diagnosis.start_process", fail)

    finding = next(f for f in examine(f"sqlite:///{tmp_path}/t.db") if f.check == "processes")

    assert finding.status == "problem"
    assert "No worker process can be started" in finding.text
    assert "limit of processes" in finding.text
