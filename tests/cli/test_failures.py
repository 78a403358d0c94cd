"""What goes wrong ends in one line on standard error, and in an exit code."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import click
import pytest
from cli_calls import call

from lilota.cli.failures import INTERRUPTED, report
from lilota.contract import ClaimRequest, RunnerInfo
from lilota.errors import ConfigurationError
from lilota.models import AttemptUpdate, Outcome, TaskError, TaskState


def aborted(cause):
    error = click.Abort()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (click.exceptions.Exit(3), 3, ""),
        (click.ClickException("no\x1b[2J"), 1, "Error: no"),
        (KeyboardInterrupt(), INTERRUPTED, "Stopped."),
        (aborted(KeyboardInterrupt()), INTERRUPTED, "Stopped."),
        (aborted(EOFError()), 1, "Not done: there was no answer."),
        (ConfigurationError("Write it so."), 1, "Error: Write it so."),
        (
            KeyError("planted"),
            1,
            "Error: KeyError: 'planted'. This is not an error that lilota expects; LILOTA_DEBUG=1",
        ),
        (OSError(errno.ENOSPC, "full", "file"), 1, "Error: OSError: [Errno 28] full: 'file'. This is not"),
    ],
)
def test_each_error_has_its_line_and_its_code(capsys, monkeypatch, error, code, said):
    """No traceback, and nothing that a terminal would obey."""
    monkeypatch.delenv("LILOTA_DEBUG", raising=False)

    assert report(error) == code

    printed = capsys.readouterr().err
    assert printed.startswith(said)
    assert "\x1b" not in printed
    assert bool(printed) == bool(said)


def test_who_asks_for_it_gets_the_traceback(monkeypatch):
    """LILOTA_DEBUG=1 lets an error out, but for what click says of wrong usage."""
    monkeypatch.setenv("LILOTA_DEBUG", "1")

    with pytest.raises(KeyError, match="planted"):
        report(KeyError("planted"))
    assert report(click.UsageError("wrong")) == 2


def broken_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize(
    ("make_output", "said"),
    [
        (lambda: os.open("/dev/full", os.O_WRONLY), "There is no space left where standard output goes"),
        (broken_pipe, ""),
    ],
    ids=["full", "nobody-reads"],
)
def test_a_standard_output_that_takes_nothing_is_no_crash(make_output, said):
    """A full disk is said; a reader that has gone away knows it already."""
    output = make_output()
    command = [sys.executable, "-m", "lilota", "--help"]
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    os.close(output)

    assert done.returncode == 1
    assert said in done.stderr
    assert bool(done.stderr) == bool(said)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("options", [[], ["-P"]], ids=["usual", "safe-path"])
@pytest.mark.parametrize("is_deleted", [False, True], ids=["folder", "deleted-folder"])
def test_the_module_is_the_command_line_in_whichever_folder(tmp_path, options, is_deleted):
    """A folder that was deleted, or that Python was told not to look in, is no reason to fail."""
    folder = tmp_path / "folder"
    folder.mkdir()
    leave = f"rmdir {folder}; " if is_deleted else ""
    command = " ".join([sys.executable, *options, "-m", "lilota", "--version"])

    done = subprocess.run(
        ["sh", "-c", f"cd {folder}; {leave}exec {command}"], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


# --- `lilota add --wait`


@pytest.fixture
def end_first(store):
    """Let the first task that is added end, in another thread, with an outcome."""
    threads = []

    def end(outcome, output=None):
        def work():
            store.heartbeat(RunnerInfo(id="other"))
            while not (claims := store.claim(ClaimRequest(runner_id="other", names=("any",))).claims):
                store.wait_for_change(0.1)
            store.commit([AttemptUpdate(id=claims[0].id, token=claims[0].token, outcome=outcome, output_json=output)])

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield end
    for thread in threads:
        thread.join(60)


SUCCEEDED, CANCELLED = Outcome(state=TaskState.SUCCEEDED), Outcome(state=TaskState.CANCELLED)
FAILED = Outcome(state=TaskState.FAILED, error=TaskError(type="KeyError", message="'a'", traceback="Trace\n\nback"))


@pytest.mark.parametrize(
    ("end", "code", "printed", "said"),
    [
        ((SUCCEEDED, None), 0, "", "Succeeded, without an output."),
        ((SUCCEEDED, '{"a": 1}'), 0, '{\n  "a": 1\n}\n', "Added task 1; waiting for it."),
        ((FAILED, None), 1, "", "    Trace\n\n    back"),
        ((CANCELLED, None), 3, "", "Error: "),
    ],
    ids=["no-output", "output", "failed", "cancelled"],
)
def test_who_waits_sees_the_end_of_the_task(end_first, end, code, printed, said):
    """The output on standard output, all else beside it; the fate is the exit code."""
    end_first(*end)

    result = call("add", "any", "--any-name", "--wait")

    assert (result.exit_code, result.stdout) == (code, printed)
    assert said in result.stderr
