"""Frames are cut from a stream in any pieces, and a declared length is never believed before it is checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.errors import FrameInvalid, FrameTooLarge
from secure_chat.limits import FRAME_HEADER_BYTES, MAX_FRAME_BEFORE_LOGIN_BYTES, MAX_FRAME_BYTES
from secure_chat.protocol.frames import FrameReader, frame, skip_frames, split_frames, take_frames

bodies = st.lists(st.binary(min_size=1, max_size=300), max_size=20)


@given(bodies, st.data())
def test_however_a_stream_is_cut_the_same_frames_come_out(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(map(frame, sent))
    reader = FrameReader(MAX_FRAME_BYTES)
    received: list[bytes] = []
    while stream:
        piece = data.draw(st.integers(min_value=1, max_value=len(stream)))
        received += reader.feed(stream[:piece])
        stream = stream[piece:]
    assert received == sent
    assert reader.waiting == 0


def test_a_frame_of_exactly_the_cap_is_taken_and_one_byte_more_is_refused() -> None:
    assert FrameReader(MAX_FRAME_BEFORE_LOGIN_BYTES).feed(frame(b"x" * MAX_FRAME_BEFORE_LOGIN_BYTES))
    with pytest.raises(FrameTooLarge):
        FrameReader(MAX_FRAME_BEFORE_LOGIN_BYTES).feed(frame(b"x" * (MAX_FRAME_BEFORE_LOGIN_BYTES + 1)))


def test_a_length_above_the_cap_is_refused_before_a_byte_of_the_body_is_kept() -> None:
    reader = FrameReader(MAX_FRAME_BEFORE_LOGIN_BYTES)
    with pytest.raises(FrameTooLarge):
        reader.feed(b"\xff\xff\xff\xff" + b"x" * 1000)
    assert reader.waiting == 0


def test_the_length_alone_is_enough_to_refuse() -> None:
    with pytest.raises(FrameTooLarge):
        FrameReader(10).feed((11).to_bytes(FRAME_HEADER_BYTES, "big"))


def test_an_empty_frame_is_refused() -> None:
    with pytest.raises(FrameInvalid):
        FrameReader(10).feed(bytes(FRAME_HEADER_BYTES))
    with pytest.raises(FrameTooLarge):
        frame(b"")


def test_a_raised_cap_holds_for_the_frames_after_it() -> None:
    reader = FrameReader(10)
    assert reader.feed(frame(b"x" * 10)) == [b"x" * 10]
    reader.cap = 20
    assert reader.feed(frame(b"x" * 20)) == [b"x" * 20]


def test_an_unfinished_frame_is_counted_with_its_header() -> None:
    reader = FrameReader(100)
    assert reader.feed(frame(b"x" * 100)[:50]) == []
    assert reader.waiting == 50


def test_a_body_above_the_largest_frame_cannot_be_written() -> None:
    with pytest.raises(FrameTooLarge):
        frame(b"x" * (MAX_FRAME_BYTES + 1))


@given(bodies, st.data())
def test_a_blob_of_frames_is_cut_at_any_frame(sent: list[bytes], data: st.DataObject) -> None:
    blob = b"".join(map(frame, sent))
    count = data.draw(st.integers(min_value=0, max_value=len(sent)))
    assert split_frames(skip_frames(blob, count)) == sent[count:]
    assert split_frames(take_frames(blob, count)) == sent[:count]


def test_a_blob_that_ends_inside_a_frame_is_refused() -> None:
    with pytest.raises(FrameInvalid):
        split_frames(frame(b"whole") + frame(b"cut short")[:-1])
