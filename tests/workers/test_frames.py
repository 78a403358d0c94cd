"""Frames between runner and worker: cut anywhere, sent by anybody, a reader gets messages or a FrameError."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lilota.engine.messages import Finish, Interrupt, Leaving, Loaded, Ready, Recall, Report, RunClaims
from lilota.models import AttemptUpdate, Claim, LogLine, Outcome, TaskError, TaskState
from lilota.tasks.options import TaskOptions
from lilota.workers import frames
from lilota.workers.frames import (
    FRAME_LIMIT_BYTES,
    FrameError,
    FrameReader,
    decode_for_runner,
    decode_for_worker,
    encode,
)

TO_WORKER = [
    RunClaims((Claim(id=1, token=2, attempt=1, name="resize", input_json='{"ä": "\u2028"}'),)),
    Interrupt((1, 2), "timeout"),
    Recall(),
    Finish(),
]
FROM_WORKER = [
    Ready(4711),
    Loaded("resize", TaskOptions(timeout_seconds=1.5)),
    Report(
        updates=(
            AttemptUpdate(
                id=1,
                token=2,
                progress=0.1,
                output_json='{"a": "\\u0000"}',
                log_lines=(LogLine(at=1.25, text="line"),),
                outcome=Outcome(state=TaskState.FAILED, error=TaskError(type="E", message="m")),
            ),
        ),
        returned=((3, 4),),
        durations={"resize": (1, 0.25)},
    ),
    Leaving(),
]
MESSAGES = TO_WORKER + FROM_WORKER


@pytest.mark.parametrize("message", TO_WORKER, ids=lambda message: type(message).__name__)
def test_what_a_runner_sends_arrives_whole(message):
    """Encoding and decoding give the same record."""
    (body,) = FrameReader().feed(encode(message))

    assert decode_for_worker(body) == message


@pytest.mark.parametrize("message", FROM_WORKER, ids=lambda message: type(message).__name__)
def test_what_a_worker_sends_arrives_whole(message):
    """Encoding and decoding give the same record."""
    (body,) = FrameReader().feed(encode(message))

    assert decode_for_runner(body) == message


@given(st.lists(st.sampled_from(MESSAGES), max_size=6), st.lists(st.integers(0, 3000), max_size=20))
def test_a_stream_may_be_cut_anywhere(messages, cuts):
    """Whatever pieces the bytes arrive in, the same frames come out."""
    stream = b"".join(map(encode, messages))
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = FrameReader()

    bodies = [body for start, end in pairwise(edges) for body in reader.feed(stream[start:end])]

    assert bodies == [encode(message)[4:] for message in messages]


def test_half_a_frame_gives_nothing():
    """A worker that dies in the middle of a write leaves no message behind."""
    frame = encode(Ready(1))

    assert list(FrameReader().feed(frame[:-1])) == []


def test_an_empty_frame_is_a_frame_and_no_message():
    """Length 0 is legal for the reader and an error for the decoder."""
    (body,) = FrameReader().feed(struct.pack("!I", 0))

    assert body == b""
    with pytest.raises(FrameError):
        decode_for_runner(body)


def test_a_length_above_the_limit_is_refused_before_it_is_read():
    """Four bytes can't make the runner collect 4 GB."""
    with pytest.raises(FrameError, match=r"claims to have 4,294,967,295 bytes; the limit is 134,217,728"):
        list(FrameReader().feed(b"\xff\xff\xff\xff"))


def test_the_longest_output_fits_into_a_frame():
    """An output at its limit, every character of which has to be escaped, does not break the connection."""
    output_json = '{"a":"' + '\\"' * (16 * 1024 * 1024) + '"}'

    frame = encode(Report(updates=(AttemptUpdate(id=1, token=1, output_json=output_json),)))

    assert len(frame) <= FRAME_LIMIT_BYTES


@given(st.lists(st.binary(max_size=400), max_size=10))
def test_a_reader_of_noise_raises_nothing_but_a_frame_error(pieces):
    """Nobody can end the runner by writing nonsense."""
    reader = FrameReader()

    with suppress(FrameError):
        for piece in pieces:
            for body in reader.feed(piece):
                decode_for_runner(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
FIELDS = ["type", "pid", "updates", "returned", "durations", "name", "options", "id", "token", "progress", "outcome"]
forged = st.dictionaries(st.sampled_from(FIELDS), json_values).map(
    lambda fields: {**fields, "type": fields.get("type", "Report")}
)


@given(json_values | forged | st.builds(lambda update: {"type": "Report", "updates": [update]}, forged))
def test_a_decoder_of_any_json_raises_nothing_but_a_frame_error(value: Any):
    """Valid JSON of the wrong shape is refused like noise."""
    body = json.dumps(value).encode(errors="surrogatepass")

    with suppress(FrameError):
        assert isinstance(decode_for_runner(body), Ready | Loaded | Report | Leaving)


@given(st.binary(max_size=200))
def test_a_decoder_of_any_bytes_raises_nothing_but_a_frame_error(body):
    """Bytes that are no JSON, too."""
    with pytest.raises(FrameError):
        decode_for_runner(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"type":"Report","x":' + b"[" * 100_000,
        b'{"type":"Ready","pid":' + b"9" * 10_000 + b"}",
        b'{"type":"Ready","pid":1e999}',
        b'{"type":"Ready","pid":NaN}',
        b'{"type":"Ready","pid":"\xff\xfe"}',
        b'{"type":"Loaded","name":"\\ud800","options":{}}',
        b'{"type":"Run","claims":[]}',
        b'{"type":"Report","updates":[{"id":1,"token":1,"outcome":{"state":"elsewhere"}}]}',
        b'{"type":"Report","updates":[{"id":1,"token":1,"outcome":{"state":"running"}}]}',
        b'{"type":"Report","updates":[{"id":1,"token":1,"outcome":{"state":"waiting"}}]}',
        b'{"type":"Report","updates":[{"id":1,"token":1,"log_lines":[{"at":1e300,"text":""}]}]}',
        b'{"type":"Report","durations":{"resize":[1,1.79e308]}}',
        b'{"type":"Report","durations":{"resize":[1,-1.79e308]}}',
        b'{"type":"Report","durations":{"resize":[-1,0.1]}}',
        b'{"type":"Loaded","name":"resize","options":{"max_lost_attempts":-1000000000000000000000000000000}}',
        b'{"type":"Loaded","name":"resize","options":{"max_attempts":0}}',
        b'{"type":"Loaded","name":"resize","options":{"timeout_seconds":1e300}}',
        b'{"type":"Loaded","name":"resize","options":{"kill_after_seconds":-1}}',
        b'{"type":"Loaded","name":"resize","options":{"backoff":{"factor":1e300}}}',
        b'{"type":"Loaded","name":"resize","options":{"backoff":{"jitter":-1}}}',
        b'{"type":"Ready","pid":-1}',
    ],
)
def test_known_attacks_on_a_decoder_are_refused(body):
    """Depth, digits, numbers out of range, bad text, and messages of the other direction."""
    with pytest.raises(FrameError):
        decode_for_runner(body)


def test_a_frame_for_which_there_is_no_memory_is_refused(monkeypatch):
    """Nobody can end the runner by sending more than it can unpack."""

    class NoMemory:
        def decode(self, body):
            raise MemoryError

    monkeypatch.setattr(frames, "_from_worker", NoMemory)

    with pytest.raises(FrameError, match="not a message: MemoryError"):
        decode_for_runner(b"{}")
