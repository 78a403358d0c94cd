"""Whole programs that end in every way: the interpreter never hangs, and no process of ours outlives it.

Each program marks its processes with a variable of the environment, by which they are found in the process table.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pytest
from programs import Program, freeze
from running import until

from lilota.models import TaskState
from lilota.stores import open_store

TASKS = """
    import os, subprocess, sys, threading, time
    from lilota.models import TaskBase
    from lilota.runner import TaskRunner

    class Add(TaskBase):
        def run(self):
            return {"sum": self.task_info.input["a"] + self.task_info.input["b"]}

    class Stuck(TaskBase):
        kill_after_seconds = 0.2
        def run(self):
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
            self.set_progress(self.task_info.id, 1)
            while True:
                try:
                    time.sleep(60)
                except BaseException:
                    pass

    def make(store="memory", **options):
        runner = TaskRunner(store, 2, **options)
        runner.register("add", Add)
        runner.register("stuck", Stuck)
        return runner

    def add_stuck(runner):
        handle = runner.add("stuck")
        while not handle.info().reported_progress:
            time.sleep(0.01)
        return handle
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that writes a program and starts it; whatever it leaves is found and killed."""
    programs = []

    def start(body, prologue=TASKS, **options):
        program = Program(tmp_path, textwrap.dedent(prologue) + textwrap.dedent(body), **options)
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.kill_all()


# --- ends without a stop


def test_a_program_that_ends_without_stop_ends(run):
    """The main thread returns; nothing hangs and nothing is left."""
    program = run("""
        if __name__ == "__main__":
            runner = make()
            runner.start()
            print(runner.add("add", input={"a": 1, "b": 2}).result(60))
    """)

    assert program.wait() == 0
    assert "{'sum': 3}" in program.output
    assert program.left_alive() == {}


def test_a_program_whose_main_thread_raises_ends_with_its_error(run):
    """Even while a task is stuck: the traceback is shown, the exit code is 1."""
    program = run("""
        if __name__ == "__main__":
            runner = make()
            runner.start()
            add_stuck(runner)
            raise ValueError("the program's own")
    """)

    assert program.wait() == 1
    assert "the program's own" in program.output
    assert program.left_alive() == {}


def test_a_program_that_leaves_the_block_with_an_error_and_a_stuck_task_can_be_interrupted(run):
    """The stop waits for the task; a person who presses Ctrl-C gets out."""
    program = run("""
        if __name__ == "__main__":
            with make() as runner:
                add_stuck(runner)
                print("stuck", flush=True)
    """)
    program.wait_for("stuck")

    program.interrupt()

    assert program.wait() != 0
    assert program.left_alive() == {}


def test_a_runner_in_a_daemon_thread_does_not_keep_the_program(run):
    """The main thread ends, the thread that started the runner is just cut off."""
    program = run("""
        def serve():
            runner = make()
            runner.start()
            add_stuck(runner)
            started.set()
            time.sleep(60)

        if __name__ == "__main__":
            started = threading.Event()
            threading.Thread(target=serve, daemon=True).start()
            started.wait(60)
    """)

    assert program.wait() == 0
    assert program.left_alive() == {}


def test_sys_exit_in_the_block_stops_the_runner_and_keeps_the_code(run):
    """SystemExit passes through the context manager."""
    program = run("""
        if __name__ == "__main__":
            with make() as runner:
                runner.add("add", input={"a": 1, "b": 2})
                sys.exit(7)
    """)

    assert program.wait() == 7
    assert program.left_alive() == {}


@pytest.mark.parametrize("how", ["os._exit(5)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_workers_follow_a_program_that_is_gone_without_a_word(run, how):
    """Nobody tells them; they notice, also in the middle of a stuck task."""
    program = run(f"""
        if __name__ == "__main__":
            runner = make()
            runner.start()
            add_stuck(runner)
            {how}
    """)

    assert program.wait() != 0
    assert program.left_alive() == {}


def test_a_fork_of_the_program_does_not_keep_the_workers_alive(run):
    """The fork holds copies of every descriptor, and lives on after the program was killed."""
    program = run("""
        if __name__ == "__main__":
            runner = make()
            runner.start()
            add_stuck(runner)
            pid = os.fork()
            if pid == 0:
                time.sleep(60)
            print("fork", pid, flush=True)
            os.kill(os.getpid(), 9)
    """)

    assert program.wait() == -9
    fork = int(program.output.rpartition("fork ")[2])
    # multiprocessing's own two helpers, which start processes for the fork too, stay with it.
    left = until(program.processes, lambda left: len(left) <= 3)
    assert fork in left


@pytest.mark.parametrize("how", ["sys.exit(0)", "raise ValueError('in the fork')", "pass"])
def test_a_fork_that_ends_takes_nothing_from_the_runner_of_its_parent(run, how, tmp_path):
    """Neither the end of the fork's interpreter nor of the block stops the parent's runner or gives its tasks away."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    program = run(f"""
        if __name__ == "__main__":
            with make({url!r}) as runner:
                handle = add_stuck(runner)
                pid = os.fork()
                if pid == 0:
                    {how}
                else:
                    os.waitpid(pid, 0)
                    info = handle.info()
                    print(info.state, info.attempt, runner.add("add", input={{"a": 1, "b": 2}}).result(60), flush=True)
                    runner.stop(timeout_seconds=0)
                    runner.start()
                    handle.cancel()
    """)

    assert program.wait() == 0, program.output
    assert "running 1 {'sum': 3}" in program.output
    assert program.left_alive() == {}


# --- programs that can't have workers


def test_a_program_without_main_guard_gets_one_clear_error(run):
    """The message names the guard, and the program ends instead of starting itself again and again."""
    program = run("""
        runner = make()
        runner.start()
    """)

    assert program.wait() == 1
    assert "if __name__ == '__main__':" in program.output.splitlines()[-1]
    assert "A worker process imported this program, and the program started a task runner again" in program.output
    assert "InvalidTaskError" not in program.output
    assert program.left_alive() == {}


@pytest.mark.parametrize("how", ["-c", "stdin"])
def test_tasks_of_a_program_without_a_file_are_refused_when_they_are_registered(how):
    """`python -c` and standard input: no worker could import the class, and the message says so."""
    source = textwrap.dedent(TASKS) + "\nmake()\n"
    arguments = ["-c", source] if how == "-c" else ["-"]

    done = subprocess.run(
        [sys.executable, *arguments], input=source, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert "InvalidTaskError" in done.stderr
    assert "from an interactive session, `python -c` or standard input" in done.stderr


def test_a_program_without_a_file_can_run_tasks_of_modules(run):
    """What a worker can import is welcome, wherever the runner was started."""
    program = run(
        """
        from lilota.runner import TaskRunner
        from runner_tasks import Hash
        runner = TaskRunner("memory", 1)
        runner.register("hash", Hash)
        with runner:
            print(runner.add("hash", input={"text": "a"}).result(60))
        """,
        prologue="",
        as_text=True,
    )

    assert program.wait() == 0, program.output
    assert "sha256" in program.output
    assert program.left_alive() == {}


# --- programs that fork first


def test_servers_that_fork_after_loading_the_application_work(run, tmp_path):
    """As with gunicorn's preload: a client is made, the process forks, and each fork starts a runner of its own."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    program = run(f"""
        from lilota import TaskClient
        if __name__ == "__main__":
            client = TaskClient({url!r}, accept_unknown_names=True)
            before = client.add("add", input={{"a": 0, "b": 0}})
            children = []
            for number in range(3):
                pid = os.fork()
                if pid == 0:
                    with make({url!r}) as runner:
                        assert runner.add("add", input={{"a": number, "b": 1}}).result(60) == {{"sum": number + 1}}
                        assert client.add("add", input={{"a": 5, "b": 5}}).result(60) == {{"sum": 10}}
                    os._exit(0)
                children.append(pid)
            print([os.waitpid(pid, 0)[1] for pid in children], before.result(60))
    """)

    assert program.wait() == 0, program.output
    assert "[0, 0, 0] {'sum': 0}" in program.output
    assert program.left_alive() == {}


# --- what a dead runner leaves


def test_tasks_of_a_killed_runner_are_taken_back_after_its_lease(run, tmp_path):
    """Another runner runs them; the attempt that was lost is counted."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    killed = run(f"""
        if __name__ == "__main__":
            runner = make({url!r}, lease_seconds=3)
            runner.start()
            add_stuck(runner)
            os.kill(os.getpid(), 9)
    """)
    killed.wait()
    store = open_store(url)
    (left,) = store.get_all_tasks()

    rescuer = run(f"""
        class Stuck(TaskBase):
            def run(self):
                return {{"attempt": self.task_info.attempt, "lost": self.task_info.lost_attempts}}

        if __name__ == "__main__":
            with make({url!r}) as runner:
                print(runner.client.get({left.id}).result(60))
    """)

    assert left.state is TaskState.RUNNING
    assert rescuer.wait() == 0, rescuer.output
    assert "{'attempt': 2, 'lost': 1}" in rescuer.output
    store.close()


def test_a_frozen_runner_cannot_overwrite_what_another_one_did(run, tmp_path):
    """SIGSTOP for longer than the lease, then SIGCONT: its late outcomes are refused, each task has one end."""
    url = f"sqlite:///{tmp_path}/tasks.db"
    body = f"""
        class Slow(TaskBase):
            def run(self):
                self.set_progress(self.task_info.id, 1)
                while not os.path.exists("go on"):
                    time.sleep(0.01)
                return {{"attempt": self.task_info.attempt}}

        if __name__ == "__main__":
            # The one that is not frozen must keep what it has, on a busy machine too.
            runner = TaskRunner({url!r}, 2, lease_seconds=3 if sys.argv[1:] else 60)
            runner.register("slow", Slow)
            with runner:
                if sys.argv[1:]:
                    handles = [runner.add("slow") for _ in range(2)]
                    while not all(handle.info().reported_progress for handle in handles):
                        time.sleep(0.01)
                print("ready", flush=True)
                sys.stdin.readline()
    """
    frozen = run(body, arguments=["adds"])
    frozen.wait_for("ready")
    store = open_store(url)
    freeze(frozen.pid)
    (tmp_path / "go on").touch()
    other = run(body)
    until(store.get_all_tasks, lambda tasks: all(task.state is TaskState.SUCCEEDED for task in tasks))
    between = store.get_all_tasks()

    os.kill(frozen.pid, signal.SIGCONT)
    frozen.write_line()
    other.write_line()

    assert frozen.wait() == other.wait() == 0, frozen.output
    assert [(task.attempt, task.lost_attempts) for task in between] == [(2, 1), (2, 1)]
    assert store.get_all_tasks() == between
    assert "was refused: it is not held here any more" in frozen.output or "is lost" in frozen.output
    store.close()
