"""Many members of one room in one thread: all of them counted, one in fifty checked in full."""

import select
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from secure_chat.limits import FRAME_HEADER_BYTES, MAX_FRAME_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.frames import FrameReader
from tests.support.wire_client import WireClient, client_id

CHECKED_ONE_IN = 50  # of those who only listen; decoding everything for everybody would measure us, not the server
STALL_SECONDS = 30.0  # without a byte while something is missing: the run has failed
_READ = 262_144


class RunVoid(Exception):
    """Something was lost, doubled or altered, or nothing came while something was missing: no figure counts."""


@dataclass(slots=True, eq=False)
class Member:
    """A connection in the room. `received` counts the bytes of its room events.

    Who is not checked gets nothing but room events in a run, so that its bytes must be those of who is.
    """

    client: WireClient
    checked: bool
    run: int = 0  # of a sender: its number, from 1; the run id of its client ids
    sent: int = 0
    received: int = 0
    last: int = 0  # number of the last event; of checked members only
    _frames: FrameReader = field(default_factory=lambda: FrameReader(MAX_FRAME_BYTES))

    def read(self) -> bytes:
        """What is there."""
        tls = self.client.tls
        data = tls.recv(_READ)
        while tls.pending():
            data += tls.recv(_READ)
        if not data:
            raise RunVoid("the server closed a connection")
        return data

    def events(self, data: bytes, text: str) -> list[tuple[e.Message, int]]:
        """The events in `data`, each held against the one before, with `received` at its end; no replies."""
        found: list[tuple[e.Message, int]] = []
        for body in self._frames.feed(data):
            said = decode_said(body)
            if isinstance(said, e.Accepted):
                continue
            if not isinstance(said, e.Message):
                raise RunVoid(f"not expected in a measured run: {said}")
            if said.number != self.last + 1 or said.text != text:
                raise RunVoid(f"event {said.number} after {self.last}: lost, doubled or altered")
            self.last = said.number
            self.received += len(body) + FRAME_HEADER_BYTES
            found.append((said, self.received))
        return found


class Crowd:
    """One room in a closed loop: a sender may have `window` messages that some member has not received yet."""

    def __init__(self, room: str, text: str, members: Sequence[Member], window: int) -> None:
        self.room = room
        self.text = text
        self.members = members
        self.senders = [member for member in members if member.run]
        self.window = window
        self._free = {sender.run: window for sender in self.senders}
        self._ends: list[int] = []  # of each event: how many bytes a member has at its end
        self._authors: list[int] = []  # of each event: the run of its sender
        self._complete = 0  # events that every member has

    def talk(self, seconds: float) -> int:
        """Talk for so long, then wait until everybody has everything. Returns the number of deliveries."""
        members = {member.client.tls.fileno(): member for member in self.members}
        end = time.monotonic() + seconds
        with select.epoll() as poll:
            for descriptor in members:
                poll.register(descriptor, select.EPOLLIN)
            while time.monotonic() < end or self._complete < self._sent:
                if time.monotonic() < end:
                    self._say_what_is_free()
                ready = poll.poll(STALL_SECONDS)
                if not ready:
                    raise RunVoid(f"silence, and {self._sent - self._complete} events are missing somewhere")
                for descriptor, _ in ready:
                    self._read(members[descriptor])
                self._count_complete_events()
        return self._complete * len(members)

    @property
    def _sent(self) -> int:
        return sum(sender.sent for sender in self.senders)

    def _say_what_is_free(self) -> None:
        for sender in self.senders:
            free, self._free[sender.run] = self._free[sender.run], 0
            frames = []
            for _ in range(free):
                sender.sent += 1
                identifier = client_id(sender.run, sender.sent)
                frames.append(encode(c.RoomPost(sender.client.next_id(), self.room, identifier, self.text)))
            if frames:
                sender.client.tls.sendall(b"".join(frames))

    def _read(self, member: Member) -> None:
        data = member.read()
        if not member.checked:
            member.received += len(data)
            return
        for event, end in member.events(data, self.text):
            if member is self.senders[0]:
                self._ends.append(end)
                self._authors.append(int.from_bytes(event.client_id[:8], "big"))

    def _count_complete_events(self) -> None:
        least = min(member.received for member in self.members)
        while self._complete < len(self._ends) and self._ends[self._complete] <= least:
            self._free[self._authors[self._complete]] += 1
            self._complete += 1


def enter(clients: Sequence[WireClient], room: str, senders: int) -> list[Member]:
    """Open the room on every connection, and wait until nothing is said any more; the first ones will talk."""
    members = []
    for index, client in enumerate(clients):
        opened = client.open(room)
        is_sender = index < senders
        checked = is_sender or index % CHECKED_ONE_IN == 0
        members.append(Member(client, checked, run=index + 1 if is_sender else 0, last=opened.head))
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < 3 * PRESENCE_SETTLES_SECONDS:
        for client in clients:
            if client.pump(0):
                client.said.clear()
                quiet_since = time.monotonic()
        select.select([], [], [], 0.05)
    return members


PRESENCE_SETTLES_SECONDS = 1.0  # a delta of who is online comes once a second; a measured run begins after the last
