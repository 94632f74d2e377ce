"""The ring: bounds, gaps that are named exactly, and that nothing is read twice or left out."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.events import Message, RoomGap
from secure_chat.protocol.frames import split_frames
from secure_chat.server.ring import Piece, Ring, Rings
from secure_chat.storage.outcomes import Blob


def event(number: int, size: int = 1) -> bytes:
    return encode(Message("team", number, 0, "alice", bytes(16), "x" * size))


def blob(first: int, last: int, size: int = 1) -> Blob:
    return Blob(first, last, b"".join(event(number, size) for number in range(first, last + 1)))


def numbers(piece: Piece) -> list[int]:
    """The events of a piece; what a gap names is negative."""
    found: list[int] = []
    for body in split_frames(piece.frames):
        said = decode_said(body)
        if isinstance(said, RoomGap):
            found += range(-said.first, -said.last - 1, -1)
        else:
            assert isinstance(said, Message)
            found.append(said.number)
    return found


def test_who_keeps_up_gets_the_stored_bytes_themselves() -> None:
    ring = Ring("team", 0)
    ring.append(blob(1, 3))
    newest = blob(4, 5)
    ring.append(newest)
    piece = ring.read(3)
    assert piece.frames is newest.frames
    assert piece.position == 5


def test_a_place_within_a_blob_gets_the_rest_of_it() -> None:
    ring = Ring("team", 0)
    ring.append(blob(1, 4))
    ring.append(blob(5, 6))
    assert numbers(ring.read(2)) == [3, 4, 5, 6]


def test_what_is_known_already_is_not_taken_twice() -> None:
    ring = Ring("team", 0)
    ring.append(blob(1, 4))
    ring.append(blob(2, 3))
    ring.append(blob(3, 6))
    assert (ring.end, ring.messages) == (6, 6)
    assert numbers(ring.read(0)) == [1, 2, 3, 4, 5, 6]


def test_after_a_hole_the_ring_begins_anew_and_names_what_is_missing() -> None:
    ring = Ring("team", 0)
    ring.append(blob(1, 4))
    ring.append(blob(9, 10))
    assert numbers(ring.read(2)) == [-3, -4, -5, -6, -7, -8, 9, 10]


def test_a_ring_keeps_no_more_messages_than_its_limit() -> None:
    ring = Ring("team", 0)
    for first in range(1, 2 * limits.MAX_RING_MESSAGES, 100):
        ring.append(blob(first, first + 99))
        assert ring.messages <= limits.MAX_RING_MESSAGES
    assert ring.first > 1
    assert numbers(ring.read(0))[: ring.first - 1] == [-number for number in range(1, ring.first)]


def test_a_ring_keeps_no_more_bytes_than_its_limit() -> None:
    ring = Ring("team", 0)
    for number in range(1, 400):
        ring.append(blob(number, number, 8000))
        assert ring.size <= limits.MAX_RING_BYTES
    assert ring.size == sum(len(event(number, 8000)) for number in range(ring.first, 400))


def test_one_reading_joins_no_more_than_its_limit_in_whole_blobs() -> None:
    ring = Ring("team", 0)
    for number in range(1, 40):
        ring.append(blob(number, number, 8000))
    piece = ring.read(0)
    assert len(piece.frames) <= limits.MAX_JOINED_BYTES < len(piece.frames) + len(event(1, 8000))
    assert numbers(piece) == list(range(1, piece.position + 1))


def test_nothing_above_the_end_of_a_membership_is_read() -> None:
    ring = Ring("team", 0)
    ring.append(blob(1, 4))
    ring.append(blob(5, 9))
    assert numbers(ring.read_until(0, 6)) == [1, 2, 3, 4, 5, 6]
    assert numbers(ring.read_until(4, 6)) == [5, 6]
    assert numbers(ring.read_until(4, 9)) == [5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("position", "last", "expected"),
    [
        (2, 5, [-3, -4, -5]),
        (2, 10, [-3, -4, -5, -6, -7, -8, -9, -10]),
        (2, 12, [-3, -4, -5, -6, -7, -8, -9, -10, 11, 12]),
    ],
)
def test_a_gap_does_not_name_what_is_above_the_end_of_a_membership(
    position: int, last: int, expected: list[int]
) -> None:
    ring = Ring("team", 10)
    ring.append(blob(11, 14))
    assert numbers(ring.read_until(position, last)) == expected


Steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(1, 5), st.sampled_from([1, 4000])),
        st.tuples(st.just("shrink"), st.just(0), st.just(0)),
        st.tuples(st.just("read"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("end"), st.integers(0, 2), st.integers(0, 3)),
    ),
    max_size=60,
)


@given(Steps, st.lists(st.integers(0, 3), min_size=3, max_size=3))
def test_readers_see_each_number_once_in_order_or_in_a_gap_and_none_above_their_end(
    steps: Sequence[tuple[str, int, int]], positions: list[int]
) -> None:
    ring = Ring("team", 3)
    seen: list[list[int]] = [[] for _ in positions]
    starts, ends = list(positions), [10**9] * len(positions)
    for kind, value, extra in steps:
        if kind == "append":
            ring.append(blob(ring.end + 1, ring.end + value, extra))
        elif kind == "shrink":
            ring.shrink()
        elif kind == "end":
            ends[value] = min(ends[value], ring.end + extra)
        elif positions[value] < min(ring.end, ends[value]):
            piece = (
                ring.read(positions[value]) if ends[value] == 10**9 else ring.read_until(positions[value], ends[value])
            )
            assert piece.position > positions[value], "a reading without progress"
            positions[value] = piece.position
            seen[value] += numbers(piece)
    for start, position, end, found in zip(starts, positions, ends, seen, strict=True):
        assert [abs(number) for number in found] == list(range(start + 1, position + 1))
        assert position <= max(end, start)


def test_all_rings_together_stay_within_their_budget_and_the_least_used_shrink_first() -> None:
    size = len(blob(1, 1, 1000).frames)
    rings = Rings(10 * size)
    for room in ("quiet", "calm", "busy"):
        rings.fill(room, 0, ()).readers = 1
    for number in range(1, 5):
        rings.append("quiet", [blob(number, number, 1000)])
    for number in range(1, 5):
        rings.append("calm", [blob(number, number, 1000)])
    for number in range(1, 9):
        rings.append("busy", [blob(number, number, 1000)])
        assert rings.size <= 10 * size
    quiet, calm, busy = (rings.get(room) for room in ("quiet", "calm", "busy"))
    assert quiet is not None
    assert calm is not None
    assert busy is not None
    assert quiet.size == 0
    assert 0 < calm.size < 4 * size
    assert busy.size == 8 * size
    assert rings.size == quiet.size + calm.size + busy.size
    assert numbers(quiet.read(2)) == [-3, -4]


def test_an_empty_ring_without_readers_is_forgotten() -> None:
    rings = Rings(2 * len(blob(1, 1, 1000).frames))
    rings.fill("left", 0, [blob(1, 1, 1000)])
    rings.fill("busy", 0, [blob(1, 1, 1000)]).readers = 1
    rings.append("busy", [blob(2, 2, 1000)])
    assert rings.get("left") is None
    assert len(rings) == 1


def test_a_room_that_nobody_here_reads_is_not_kept() -> None:
    rings = Rings(1000)
    assert rings.append("team", [blob(1, 1)]) is None
    assert rings.size == 0


def test_a_ring_that_is_there_takes_nothing_from_another_tail() -> None:
    rings = Rings(10**6)
    first = rings.fill("team", 0, [blob(1, 4)])
    assert rings.fill("team", 9, [blob(1, 4)]) is first
    assert (first.messages, rings.size) == (4, len(blob(1, 4).frames))


def test_a_tail_that_is_empty_begins_at_the_announced_end() -> None:
    ring = Rings(10**6).fill("team", 7, ())
    assert (ring.end, ring.first) == (7, 8)
