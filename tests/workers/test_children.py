"""What a task left is ended; what belongs to a module stays. Step by step, in a program of its own.

The acceptance tests of stopping do it with real workers.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no table of processes")

PROGRAM = """
import multiprocessing, os, signal, subprocess, sys, time
from multiprocessing import forkserver
from lilota.workers import children as module, process_table
from lilota.workers.children import Children

def start(*command):
    return subprocess.Popen(command or ["sleep", "1000"])

def children_of_this():
    return [process.pid for process in process_table.all_processes() if process.parent == os.getpid()]

children = Children()
"""


def run(program: str) -> list[str]:
    source = PROGRAM + textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_nothing_left_is_nothing_to_say():
    """The usual case, after every attempt."""
    assert run("print(children.end_left(1))") == ["None"]


def test_a_child_of_a_module_stays_until_the_worker_leaves():
    """It was there when the imports were done: tasks rely on it."""
    lines = run("""
        kept = start()
        children.remember()
        print(children.end_left(1))
        left = start()
        print([process.pid for process in children.end_left(10).ended] == [left.pid])
        print(children.end_left(1), children_of_this() == [kept.pid])
        children.end_all(10)
        print(children_of_this())
    """)

    assert lines == ["None", "True", "None True", "[]"]


def test_all_can_be_killed_without_waiting_for_anybody():
    """When the runner is dead: also what has left the group, over generations."""
    lines = run("""
        nested = start("setsid", "sh", "-c", "setsid sleep 1000 & echo started; wait")
        while len(process_table.descendants(os.getpid(), process_table.all_processes())) < 2:
            time.sleep(0.01)
        children.kill_all()
        nested.wait()
        while os.waitpid(-1, 0)[0]:
            if not children_of_this():
                break
        print(nested.returncode, children_of_this())
    """)

    assert lines[-1] == "-9 []"


def test_a_process_that_is_about_to_end_gets_a_moment():
    """No word about a process that would have ended by itself."""
    lines = run("""
        module._MOMENT_SECONDS = 50
        start("sleep", "0.1")
        print(children.end_left(1), children_of_this())
    """)

    assert lines == ["None []"]


def test_the_orphans_of_a_process_that_is_ended_are_ended_too():
    """Each generation comes to the worker when the one before it is gone."""
    lines = run("""
        nested = "setsid sh -c 'setsid sleep 1000 & wait' & wait"
        start("setsid", "sh", "-c", nested)
        def names_of_all():
            return sorted(each.name for each in process_table.descendants(os.getpid(), process_table.all_processes()))
        while names_of_all() != ["sh", "sh", "sleep"]:  # each is called as its parent, until it is another program
            time.sleep(0.01)
        names = [process.name for process in children.end_left(10).ended]
        print(sorted(names), children_of_this())
    """)

    assert lines == ["['sh', 'sh', 'sleep'] []"]


def test_the_fork_server_of_a_task_is_ended_without_a_word_and_the_next_task_gets_another():
    """multiprocessing keeps it by design; a task can't be blamed for it."""
    lines = run("""
        context = multiprocessing.get_context("forkserver")
        def use():
            process = context.Process(target=print, args=("used",))
            process.start()
            process.join()
            process.close()
            return forkserver._forkserver._forkserver_pid
        def end():
            multiprocessing.resource_tracker._resource_tracker._stop()  # a worker shares that of its runner
            return children.end_left(1)
        first = use()
        print(end(), children_of_this())
        second = use()
        print(first != second)
        os.kill(second, signal.SIGKILL)  # it is gone before anybody ends it
        os.waitid(os.P_PID, second, os.WEXITED | os.WNOWAIT)
        print(end())
        print(use() not in (first, second))
    """)

    assert [line for line in lines if line != "used"] == ["None []", "True", "None", "True"]
    assert lines.count("used") == 3


def test_what_can_not_be_ended_is_named():
    """A program of another user, that sudo has started: the worker is replaced."""
    lines = run("""
        def refuse(pid, number):
            raise PermissionError
        child, kill = start(), os.kill
        os.kill = refuse
        left = children.end_left(60)
        print(left.ended, left.marks == f"left processes behind that can't be ended: sleep ({child.pid})")
        os.kill = kill
        child.kill()
    """)

    assert lines == ["[] True"]


def test_what_can_not_be_seen_makes_the_worker_be_replaced_too():
    """Where the system shows nobody the processes of others, or has no table."""
    lines = run("""
        child = start()
        process_table._EXISTS = False
        print(children.end_left(1).marks)
        child.kill()
    """)

    assert lines == ["left processes behind that can't be ended: they belong to another user"]


def test_a_task_that_has_used_up_all_descriptors_does_not_end_the_worker_by_that():
    """The table can't be read then: the worker is replaced, and says why."""
    lines = run("""
        import resource
        child = start()
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        marks = children.end_left(1).marks
        child.kill()
        print(marks)
    """)

    assert lines[0].startswith("left processes behind that can't be looked for: [Errno 24] ")
