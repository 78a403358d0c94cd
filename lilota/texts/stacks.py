"""The stacks of threads as text, in the form of Python's `faulthandler`: what a worker writes and people read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

_TITLE: Final = re.compile(
    r"(Current thread|Thread) 0x[0-9a-f]+(?: \[(?P<name>.*)\])?|Stack \(most recent call first\)"
)
#: Where the code of the task begins, or of plugins around it; what is further out is lilota's own, and always the same.
_RUN: Final = re.compile(
    r'File ".*[/\\]lilota[/\\](plugins[/\\]hooks\.py", line \d+ in (lilota_)?run_attempt'
    r'|tasks[/\\]calls\.py", line \d+ in \w+'
    r'|workers[/\\]coroutines\.py", line \d+ in _keep_end)'
)
#: Which one is meant; the second where no other thread is shown.
_CURRENT: Final = ("Current thread", "Stack")
#: No more is read or kept of what a worker wrote: a task may have written to the same file.
STACKS_LIMIT_BYTES: Final = 256 * 1024
_LINE_LIMIT: Final = 500
#: So many lines are kept with a task that was ended by force.
_KEPT_LINES: Final = 200


class ThreadStack(NamedTuple):
    """The stack of one thread.

    Attributes:
        name: its name, "" if it is not known.
        of_task: it is the thread in which the task runs.
        frames: the innermost first, each as 'File "tasks.py", line 3 in run', without those of lilota around `run`.
    """

    name: str
    of_task: bool
    frames: tuple[str, ...]


def stacks_of(text: str) -> list[ThreadStack]:
    """Read the stacks of threads; that of the task comes first. What is none is left out."""
    stacks: list[ThreadStack] = []
    for line in text.splitlines():
        title = _TITLE.match(line)
        if title is not None:
            is_current = line.startswith(_CURRENT)
            if is_current and any(stack.of_task for stack in stacks):
                break  # it was asked twice, and has answered later
            stacks.append(ThreadStack(title["name"] or "", is_current, ()))
        elif stacks and line.startswith("  "):
            stacks[-1] = stacks[-1]._replace(frames=(*stacks[-1].frames, line.strip()[:_LINE_LIMIT]))
    return _task_first(stacks)


def shows_task(text: str) -> bool:
    """Tell whether the thread is among these stacks in which the task runs."""
    return any(_RUN.search(line) for line in text.splitlines())


def _task_first(stacks: Iterable[ThreadStack]) -> list[ThreadStack]:
    """Put the thread of the task first, without the frames around its code."""
    cut = [(stack, _frames_before_run(stack.frames)) for stack in stacks]
    # A signal that the thread of the task has blocked is taken by another one, which then is the current one.
    is_certain = any(inner is not None for _stack, inner in cut)
    marked = [
        stack._replace(frames=stack.frames if inner is None else inner, of_task=inner is not None)
        if is_certain
        else stack
        for stack, inner in cut
    ]
    return sorted(marked, key=lambda stack: not stack.of_task)


def _frames_before_run(frames: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the frames further in than the call of the task, None if the thread has not called one."""
    return next((frames[:depth] for depth, frame in enumerate(frames) if _RUN.fullmatch(frame)), None)


def kept_stack(text: str) -> list[str]:
    """Return, as lines for people, what is kept of the stacks of a worker that was ended by force."""
    return stack_lines(stacks_of(text), _KEPT_LINES)


def stack_lines(stacks: Iterable[ThreadStack], limit: int) -> list[str]:
    """Return stacks as lines for people, so many at most."""
    lines: list[str] = []
    for stack in stacks:
        which = "The thread of the task" if stack.of_task else "Another thread"
        lines.append(f"{which}{f' ({stack.name})' if stack.name else ''}, the innermost call first:")
        lines += [f"  {frame}" for frame in stack.frames or ("(no Python code)",)]
    return lines if len(lines) <= limit else [*lines[:limit], f"... ({len(lines) - limit} more lines)"]
