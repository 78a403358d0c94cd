"""Keep standard output for what lilota's own commands print: what plugins print meanwhile goes to standard error."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO

import click

#: Where the context of a call keeps the stream.
_STREAM: Final = "lilota.stdout"


def stdout() -> TextIO:
    """Return the stream on which a command prints its result."""
    context = click.get_current_context(silent=True)
    stream: TextIO | None = None if context is None else context.meta.get(_STREAM)
    return stream or sys.stdout


def echo(message: str | int = "", **style: Any) -> None:  # noqa: ANN401 - handed on to click
    """Print a line of the result, in a style if there is one; without colours where nobody sees them."""
    click.echo(click.style(message, **style) if style else message, file=stdout())


def silence() -> None:
    """Lead what a command prints to nothing, what is still in its buffer too: nobody reads it, or it has no room."""
    _lead_nowhere(stdout())


@contextlib.contextmanager
def reserved_stdout() -> Iterator[None]:
    """Keep others from standard output while a command runs: Python's `print`, C code, and processes they start.

    A plugin may greet when it is imported, or a library below it; whoever reads the JSON of a command, or the id that
    `lilota add` prints, must find nothing else.
    """
    context, others = click.get_current_context(silent=True), sys.stdout
    meta = {} if context is None else context.meta  # a shell completes before there is a context
    with _descriptor_of_its_own(others) as ours:
        meta[_STREAM] = ours
        sys.stdout = sys.stderr
        try:
            yield
        finally:
            sys.stdout = others
            del meta[_STREAM]


@contextlib.contextmanager
def _descriptor_of_its_own(stream: TextIO) -> Iterator[TextIO]:
    """Give a stream to where this one leads, which itself leads to standard error until the end.

    One that does not lead to the descriptor 1, because a program or a test has put it there, is given as it is.
    """
    if not _leads_to_descriptor(stream, 1):
        yield stream
        return
    stream.flush()
    kept = os.dup(1)
    ours = open(kept, "w", encoding=stream.encoding, errors=stream.errors)  # noqa: SIM115 - closed below
    os.dup2(2, 1)
    try:
        yield ours
    finally:
        _flush_c_output()
        os.dup2(kept, 1)
        _close(ours)


def _close(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        _lead_nowhere(stream)  # or else closing it, which writes what is left, fails once more
        raise
    finally:
        stream.close()


def _lead_nowhere(stream: TextIO) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


def _leads_to_descriptor(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except (AttributeError, OSError, ValueError):  # what a program puts in its place may be anything
        return False


def _flush_c_output() -> None:
    """Write what C code has printed and its library holds back; later it would come where it must not."""
    with contextlib.suppress(ImportError, OSError, AttributeError, ValueError, TypeError):  # not on every system
        from lilota.workers.c_library import flush_of_c_library  # noqa: PLC0415 - start-up stays quick

        flush_of_c_library()()
