"""Tasks are imported in a process like a worker, to say early which of them can't be used."""

from __future__ import annotations

import sys
import threading
import time

import pytest

from lilota.config import Settings
from lilota.plugins import Plugins
from lilota.workers import trial
from lilota.workers.trial import Trial, Tried

GOOD = """
from lilota import TaskBase

print("imported")


class Good(TaskBase):
    def run(self):
        return None


class Warned(Good):
    timeout = 5


class NoTask:
    pass
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tried_good.py").write_text(GOOD)
    (tmp_path / "tried_exit.py").write_text("import os; os._exit(3)")
    (tmp_path / "tried_needy.py").write_text("import no_such_dependency")
    (tmp_path / "tried_secret.py").write_text("raise ValueError('postgresql://ann:hunter2@host/x')")
    (tmp_path / "tried_hanging.py").write_text("import threading; threading.Event().wait()")
    return tmp_path


def try_all(folder, **references):
    with Trial(references, Plugins(Settings()), folders=[str(folder)]) as tried:
        return list(tried.results())


def test_each_task_is_judged_with_reason_and_remedy(folder, capfd):
    """Nothing is imported into this process, and nothing that modules print gets onto standard output."""
    results = try_all(
        folder,
        good="tried_good:Good",
        misspelt="tried_good:Goood",
        no_task="tried_good:NoTask",
        nowhere="tried_nowhere.tasks:X",
        needy="tried_needy:X",
        secret="tried_secret:X",
    )

    good, misspelt, no_task, nowhere, needy, secret = results
    assert good == Tried("good", "", [], [])
    assert "The task 'misspelt' can't be imported from 'tried_good:Goood'" in misspelt.problem
    assert "(Did you mean 'Good'?)" in misspelt.problem
    assert "(tried_good.NoTask) must be a subclass of lilota.TaskBase" in no_task.problem
    assert "Install the package that has 'tried_nowhere', or start in the folder" in nowhere.problem
    assert "install what has 'no_such_dependency'" in needy.problem
    assert "Mend what 'tried_secret' does when it is imported." in secret.problem
    assert "hunter2" not in secret.problem
    assert "tried_good" not in sys.modules
    assert capfd.readouterr().out == ""


def test_what_looks_misspelt_is_a_remark(folder):
    """The class can be used all the same."""
    [warned] = try_all(folder, warned="tried_good:Warned")

    assert warned.problem == ""
    assert "The task 'warned': lilota does not read tried_good.Warned.timeout." in warned.remarks[0]


def test_an_import_that_ends_its_process_ends_no_other(folder):
    """Those after it are tried in another process."""
    ends, good = try_all(folder, ends="tried_exit:X", good="tried_good:Good")

    assert "The task 'ends' ends the process that imports it, from 'tried_exit:X'." in ends.problem
    assert good.problem == ""


def test_an_interrupt_is_left_to_who_has_started_it(folder, capfd):
    """Ctrl-C reaches all processes of a terminal; a worker that stops in good order shows no traceback of this one."""
    (folder / "tried_interrupt.py").write_text(f"import os, signal; os.kill(os.getpid(), signal.SIGINT)\n{GOOD}")

    [interrupted] = try_all(folder, interrupted="tried_interrupt:Good")

    assert interrupted.problem == ""
    assert "Traceback" not in capfd.readouterr().err


def test_an_import_that_hangs_is_said(folder, monkeypatch):
    """It is not waited for longer than the limit."""
    monkeypatch.setattr(trial, "_LIMIT_SECONDS", 0.5)

    [hangs] = try_all(folder, hangs="tried_hanging:X")

    assert "is still being imported after 0.5 s" in hangs.problem


def test_closing_ends_an_import_that_hangs(folder):
    """A worker that is told to stop waits for none."""
    with Trial({"hangs": "tried_hanging:X"}, Plugins(Settings()), folders=[str(folder)]) as tried:
        found = []
        looking = threading.Thread(target=lambda: found.extend(tried.results()))
        looking.start()
        while tried._process is None:
            time.sleep(0.01)
        tried.close()
        looking.join(60)

    assert (looking.is_alive(), found) == (False, [])


def test_plugins_prepare_the_process_as_that_of_a_worker(folder, monkeypatch):
    """What a module finds when a worker imports it, it finds here: Django's models need a project that is set up."""
    (folder / "preparing.py").write_text(
        "import builtins\nfrom lilota.hookspecs import hookimpl\n"
        "@hookimpl\ndef lilota_worker_started():\n    builtins.is_prepared = True\n"
    )
    (folder / "tried_prepared.py").write_text("import builtins\nbuiltins.is_prepared\nfrom tried_good import Good\n")
    info = folder / "preparing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: preparing\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lilota.plugins]\npreparing = preparing\n")
    monkeypatch.syspath_prepend(str(folder))

    [tried] = try_all(folder, prepared="tried_prepared:Good")

    assert tried.problem == ""
