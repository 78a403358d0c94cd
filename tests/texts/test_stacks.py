"""Stacks as `faulthandler` writes them are read; the thread of the task comes first."""

from __future__ import annotations

from lilota.texts.stacks import kept_stack, stacks_of

RUN = '  File "/x/lilota/plugins/hooks.py", line 218 in lilota_run_attempt'


def test_the_thread_that_called_the_task_is_that_of_the_task():
    """Whichever thread took the signal; what is further out than the task's code is left out."""
    text = f"""Current thread 0x00007f [lilota-courier] (most recent call first):
  File "/x/inbox.py", line 71 in _poll

Thread 0x00008f (most recent call first):
  File "tasks.py", line 3 in inner
  File "tasks.py", line 9 in run
{RUN}
  File "/x/worker.py", line 141 in run
"""

    task, other = stacks_of(text)

    assert task == ("", True, ('File "tasks.py", line 3 in inner', 'File "tasks.py", line 9 in run'))
    assert other == ("lilota-courier", False, ('File "/x/inbox.py", line 71 in _poll',))


def test_while_nothing_was_called_the_current_thread_is_that_of_the_task():
    """A class that hangs while it is imported, or a stack that is too deep to be shown whole."""
    other = 'Thread 0x01 (most recent call first):\n  File "a", line 1 in a\n'
    text = f"{other}Current thread 0x02 (most recent call first):\n"

    assert [stack.of_task for stack in stacks_of(text)] == [True, False]


def test_a_second_answer_is_left_out():
    """A worker that was asked by a message and then by a signal may answer both."""
    once = f'Current thread 0x02 (most recent call first):\n  File "a", line 1 in run\n{RUN}\n'

    assert len(stacks_of(once + once)) == 1


def test_what_is_no_stack_is_left_out_and_what_is_long_is_cut():
    """A task may write into the same file whatever it likes."""
    hostile = (
        "\x1b[2J nonsense\n" * 1000 + "Current thread 0x02 (most recent call first):\n" + f"  {'x' * 10**6}\n" * 900
    )

    lines = kept_stack(hostile)

    assert stacks_of("nothing") == kept_stack("") == []
    assert len(lines) == 201
    assert lines[-1] == "... (701 more lines)"
    assert max(map(len, lines)) <= 502
