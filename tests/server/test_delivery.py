"""Delivery against a model: whatever the order of events, each reader gets each number once, or a gap that names it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secure_chat import limits
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.events import Done, Message, RoomGap, RoomOpened
from secure_chat.protocol.frames import FrameReader
from secure_chat.server import delivery as delivery_module
from secure_chat.server.connection import NEVER, Connection
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.items import Notice, Origin
from secure_chat.server.poller import PlainPoller
from secure_chat.server.ring import Rings
from secure_chat.server.tls_channel import TlsMemory
from secure_chat.server.writing import Writing
from secure_chat.storage.outcomes import Blob, Opened

ROOMS = ("red", "blue")


def event(room: str, number: int, size: int = 1) -> bytes:
    return encode(Message(room, number, 0, "alice", bytes(16), "x" * size))


def blob(room: str, first: int, last: int, size: int = 1) -> Blob:
    return Blob(first, last, b"".join(event(room, number, size) for number in range(first, last + 1)))


class RecordedWriting(Writing):
    """Writes into memory. A connection whose `room` is used up takes one more write and is blocked by it."""

    def __init__(self) -> None:
        super().__init__(Connections(PlainPoller()), TlsMemory(), Durations())
        self.written: dict[int, list[bytes]] = {}
        self.budget: dict[int, int] = {}

    def write(self, connection: Connection, plaintext: bytes, now: float) -> None:
        assert connection.blocked_since == NEVER, "a new write before the last one is gone"
        assert len(plaintext) <= limits.MAX_JOINED_BYTES
        self.written.setdefault(connection.serial, []).append(plaintext)
        left = self.budget.get(connection.serial, 10**9) - 1
        self.budget[connection.serial] = left
        if left <= 0:
            connection.blocked_since = now + 1.0


@dataclass
class World:
    """Delivery with recorded writes, and what the model expects of it."""

    writing: RecordedWriting = field(default_factory=RecordedWriting)
    connections: list[Connection] = field(default_factory=list)
    heads: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ROOMS, 0))
    opened: dict[tuple[int, str], int] = field(default_factory=dict)
    last: dict[tuple[int, str], int] = field(default_factory=dict)
    said: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.delivery = Delivery(self.writing, Rings(10**9))

    def connect(self) -> None:
        serial = len(self.connections)
        self.connections.append(Connection(Origin(0, serial), socket.socket(), "test", 0.0))

    def open(self, index: int, room: str, after: int) -> None:
        after = min(after, self.heads[room])
        self._say(index, RoomOpened(self._next(index), room, "", self.heads[room], 1, after, 1))
        opened = Opened(0, room, "", self.heads[room], 1, after, 1, ())
        self.delivery.open(self.connections[index], opened, self.heads[room], None)
        self.opened[index, room] = after
        self.last.pop((index, room), None)

    def say(self, index: int) -> None:
        self._say(index, Done(self._next(index)))

    def _next(self, index: int) -> int:
        self.said[index] = self.said.get(index, 0) + 1
        return self.said[index]

    def _say(self, index: int, said: Done | RoomOpened) -> None:
        self.delivery.say(self.connections[index], encode(said))

    def append(self, room: str, count: int, size: int) -> None:
        first = self.heads[room] + 1
        self.heads[room] += count
        self.delivery.append(room, [blob(room, first, self.heads[room], size)])

    def end(self, index: int, room: str) -> None:
        if (index, room) in self.opened and (index, room) not in self.last:
            self.delivery.end_membership([self.connections[index]], room, self.heads[room])
            self.last[index, room] = self.heads[room]

    def unblock(self, index: int, budget: int) -> None:
        connection = self.connections[index]
        self.writing.budget[connection.serial] = budget
        if connection.blocked_since != NEVER:
            connection.blocked_since = NEVER
            self.delivery.queue(connection)

    def settle(self) -> None:
        for index in range(len(self.connections)):
            self.unblock(index, 10**9)
        for _ in range(10_000):
            if not self.delivery.has_work:
                return
            self.delivery.deliver(0.0)
        pytest.fail("delivery never comes to rest")

    def check(self) -> None:
        """Everybody has everything that he may have, once, in order, replies in their place."""
        for index, connection in enumerate(self.connections):
            positions: dict[str, int] = {}
            replies = 0
            for body in FrameReader(limits.MAX_FRAME_BYTES).feed(
                b"".join(self.writing.written.get(connection.serial, []))
            ):
                said = decode_said(body)
                if isinstance(said, Done):
                    replies += 1
                    assert said.id == replies
                elif isinstance(said, RoomGap):
                    assert said.first == positions[said.room] + 1
                    assert said.last >= said.first
                    positions[said.room] = said.last
                elif isinstance(said, Message):
                    assert said.number == positions[said.room] + 1
                    positions[said.room] = said.number
                else:
                    assert isinstance(said, RoomOpened)
                    replies += 1
                    assert said.id == replies
                    positions[said.room] = said.after
            assert replies == self.said.get(index, 0)
            for owner, room in self.opened:
                if owner == index:
                    assert positions[room] == self.last.get((index, room), self.heads[room])

    def leave(self, index: int) -> None:
        """Lost, as the I/O thread buries it."""
        connection = self.connections[index]
        connection.gone = True
        self.delivery.close(connection)
        self.opened = {key: after for key, after in self.opened.items() if key[0] != index}
        self.said[index] = self.written_replies(index)

    def written_replies(self, index: int) -> int:
        bodies = FrameReader(limits.MAX_FRAME_BYTES).feed(b"".join(self.writing.written.get(index, [])))
        return sum(1 for body in bodies if isinstance(decode_said(body), Done | RoomOpened))

    def close(self) -> None:
        for connection in self.connections:
            connection.socket.close()


@contextmanager
def world(connections: int = 0) -> Iterator[World]:
    made = World()
    try:
        for _ in range(connections):
            made.connect()
        yield made
    finally:
        made.close()


Index = st.integers(0, 5)
Room = st.sampled_from(ROOMS)
Step = st.one_of(
    st.tuples(st.just("open"), Index, Room, st.integers(0, 30)),
    st.tuples(st.just("append"), Room, st.integers(1, 4), st.sampled_from([1, 250])),
    st.tuples(st.just("append"), Room, st.integers(1, 4), st.sampled_from([1, 250])),
    st.tuples(st.just("end"), Index, Room),
    st.tuples(st.just("say"), Index),
    st.tuples(st.just("unblock"), Index, st.integers(1, 4)),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("deliver")),
    st.tuples(st.just("leave"), Index),
)


@settings(max_examples=400)
@given(st.lists(Step, min_size=20, max_size=80), st.integers(1, 4))
def test_whatever_the_order_everybody_has_everything_in_the_end(steps: list[tuple[object, ...]], sends: int) -> None:
    with pytest.MonkeyPatch.context() as patch, world(6) as made:
        patch.setattr(delivery_module, "MAX_SENDS_A_TURN", sends)
        patch.setattr(limits, "MAX_RING_MESSAGES", 12)  # so that readers fall behind the ring
        patch.setattr(limits, "MAX_JOINED_BYTES", 1500)  # so that one write is not enough
        patch.setattr(delivery_module, "MAX_JOINED_BYTES", 1500)
        for connection in made.connections:
            made.open(connection.serial, "red", 0)
            made.writing.budget[connection.serial] = 4
        for kind, *arguments in steps:
            if kind == "deliver":
                made.delivery.deliver(0.0)
            elif kind == "append" or not made.connections[int(str(arguments[0]))].gone:
                getattr(made, str(kind))(*arguments)
        made.settle()
        made.check()


def test_members_at_one_place_are_given_the_same_bytes() -> None:
    with world(3) as made:
        for index in range(3):
            made.open(index, "red", 0)
        made.append("red", 3, 10)
        made.settle()
        stored = blob("red", 4, 6, 10)
        made.delivery.append("red", [stored])
        made.settle()
        assert all(made.writing.written[index][-1] is stored.frames for index in range(3))


def test_replies_and_events_go_out_in_one_write_replies_first() -> None:
    with world(1) as made:
        made.open(0, "red", 0)
        made.settle()
        made.append("red", 2, 10)
        made.say(0)
        made.settle()
        assert len(made.writing.written[0]) == 2
        made.check()


def test_one_pass_is_bounded_and_the_next_goes_on_where_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SENDS_A_TURN", 10)
    monkeypatch.setattr(delivery_module, "DELIVERY_SECONDS", 1000.0)
    with world(35) as made:
        for index in range(35):
            made.open(index, "red", 0)
        made.settle()
        before = [len(made.writing.written[index]) for index in range(35)]
        made.append("red", 1, 10)
        served: list[int] = []
        while made.delivery.has_work:
            made.delivery.deliver(0.0)
            served.append(sum(len(made.writing.written[index]) - before[index] for index in range(35)))
        assert served == [10, 20, 30, 35]


def test_a_pass_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "DELIVERY_SECONDS", -1.0)
    with world(100) as made:
        for index in range(100):
            made.open(index, "red", 0)
        made.settle()
        written = sum(len(writes) for writes in made.writing.written.values())
        made.append("red", 1, 10)
        made.delivery.deliver(0.0)
        assert sum(len(writes) for writes in made.writing.written.values()) == written + delivery_module.CLOCK_EVERY


def test_a_large_room_does_not_hold_up_the_replies_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SENDS_A_TURN", 10)
    with world(51) as made:
        for index in range(50):
            made.open(index, "red", 0)
        made.settle()
        made.append("red", 1, 10)
        made.say(50)
        made.delivery.deliver(0.0)
        assert made.written_replies(50) == 1


def test_rooms_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SENDS_A_TURN", 4)
    with world(40) as made:
        for index in range(39):
            made.open(index, "red", 0)
        made.open(39, "blue", 0)
        made.settle()
        made.append("red", 1, 10)
        made.append("blue", 1, 10)
        before = len(made.writing.written[39])
        for _ in range(2):
            made.delivery.deliver(0.0)
        assert len(made.writing.written[39]) == before + 1


def test_a_reader_of_two_lagging_rooms_is_given_both_in_turns() -> None:
    with world(1) as made:
        made.open(0, "red", 0)
        made.open(0, "blue", 0)
        made.settle()
        made.connections[0].blocked_since = 1.0
        for _ in range(40):
            made.append("red", 1, 8000)
            made.append("blue", 1, 8000)
        made.delivery.deliver(0.0)  # the sweeps pass the blocked reader over
        before = len(made.writing.written[0])
        made.settle()
        made.check()
        first_events = [decode_said(FrameReader(10**6).feed(data)[0]) for data in made.writing.written[0][before:]]
        rooms = [said.room for said in first_events if isinstance(said, Message)]
        assert rooms[:4] in (["red", "blue"] * 2, ["blue", "red"] * 2)


def test_replies_larger_than_a_write_go_out_in_pieces_and_before_events() -> None:
    with world(1) as made:
        made.open(0, "red", 0)
        made.settle()
        reply = encode(Message("page", 1, 0, "alice", bytes(16), "x" * 200_000))
        made.delivery.say(made.connections[0], reply)
        made.append("red", 1, 10)
        made.settle()
        assert b"".join(made.writing.written[0][1:]) == reply + event("red", 1, 10)


def test_a_notice_reaches_who_keeps_up_and_nobody_else() -> None:
    with world(3) as made:
        for index in range(3):
            made.open(index, "red", 0)
        made.settle()
        before = [len(made.writing.written[index]) for index in range(3)]
        made.connections[1].blocked_since = 1.0
        made.end(2, "red")
        made.delivery.notify(Notice("red", encode(Done(99))))
        made.delivery.deliver(0.0)
        assert [len(made.writing.written[index]) - before[index] for index in range(3)] == [1, 0, 0]
        made.delivery.notify(Notice("elsewhere", encode(Done(99))))


def test_who_leaves_in_the_middle_of_a_sweep_makes_nobody_be_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SENDS_A_TURN", 3)
    with world(8) as made:
        for index in range(8):
            made.open(index, "red", 0)
        made.settle()
        made.append("red", 1, 10)
        made.delivery.deliver(0.0)
        made.leave(0)  # the last reader takes the first one's place, which the sweep has left behind
        made.settle()
        made.check()


def test_what_arrives_in_the_middle_of_a_sweep_reaches_those_it_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SENDS_A_TURN", 3)
    with world(8) as made:
        for index in range(8):
            made.open(index, "red", 0)
        made.settle()
        made.append("red", 1, 10)
        made.delivery.deliver(0.0)
        made.append("red", 1, 10)
        made.settle()
        made.check()


def test_who_is_given_only_a_part_is_given_the_rest_without_further_traffic() -> None:
    with world(3) as made:
        for index in range(3):
            made.open(index, "red", 0)
        made.settle()
        for _ in range(20):
            made.append("red", 1, 8000)
        made.settle()
        made.check()


@pytest.mark.parametrize("is_slow", [False, True])
def test_who_was_kicked_is_given_nothing_above_the_end_be_he_slow_or_fast(is_slow: bool) -> None:
    with world(2) as made:
        for index in range(2):
            made.open(index, "red", 0)
        made.settle()
        if is_slow:
            made.connections[0].blocked_since = 1.0
        made.append("red", 2, 10)
        made.end(0, "red")
        made.append("red", 2, 10)
        made.delivery.deliver(0.0)
        made.append("red", 2, 10)
        made.settle()
        made.check()
        assert made.last[0, "red"] == 2
        assert "red" not in made.connections[0].cursors


def test_a_membership_that_ended_where_the_reader_stands_ends_at_once() -> None:
    with world(1) as made:
        made.open(0, "red", 0)
        made.append("red", 2, 10)
        made.settle()
        made.end(0, "red")
        assert "red" not in made.connections[0].cursors
        assert made.delivery.announced("red") == 2


def test_a_room_opened_in_the_commit_that_ended_the_membership_is_read_to_its_end_only() -> None:
    with world(1) as made:
        made.append("red", 1, 10)
        made.heads["red"] = 5
        tail = (blob("red", 1, 5),)
        made.delivery.open(made.connections[0], Opened(0, "red", "", 5, 1, 0, 1, tail), 0, 3)
        made.delivery.append("red", [blob("red", 6, 9)])
        made.settle()
        bodies = FrameReader(10**6).feed(b"".join(made.writing.written[0]))
        assert bodies == FrameReader(10**6).feed(blob("red", 1, 3).frames)
        made.delivery.open(made.connections[0], Opened(0, "red", "", 9, 1, 3, 1, None), 0, 3)
        assert "red" not in made.connections[0].cursors
