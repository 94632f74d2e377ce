"""People who write to one person each, in one thread: every envelope checked, accepted, delivered and acknowledged."""

import select
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.crowd import STALL_SECONDS, RunVoid
from secure_chat.limits import MAX_FRAME_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.frames import FrameReader
from tests.support.direct_wire import envelope_for, id_of, send_request
from tests.support.people import TestPerson
from tests.support.wire_client import WireClient

_READ = 262_144


@dataclass(slots=True, eq=False)
class Correspondent:
    """A connection that writes to one person and acknowledges what comes, all of one read in one request."""

    client: WireClient
    person: TestPerson
    writes_to: "Correspondent | None" = None
    under_way: deque[bytes] = field(default_factory=deque)  # envelopes to it, not received yet, oldest first
    sent: int = 0  # by it
    accepted: int = 0  # of those
    received: int = 0  # for it
    settled: int = 0  # of those: the server has answered the acknowledgement
    _acknowledged: dict[int, int] = field(default_factory=dict)  # how many by request
    _frames: FrameReader = field(default_factory=lambda: FrameReader(MAX_FRAME_BYTES))

    def write(self, count: int) -> None:
        """So many envelopes in one piece."""
        recipient = self.writes_to
        if recipient is None or not count:
            return
        frames = []
        for _ in range(count):
            envelope = envelope_for(self.person, recipient.person)
            recipient.under_way.append(envelope)
            frames.append(encode(send_request(self.client, recipient.person, envelope)))
        self.sent += count
        self.client.tls.sendall(b"".join(frames))

    def read(self) -> None:
        """Take what is there, and acknowledge what of it was sent to it."""
        tls = self.client.tls
        data = tls.recv(_READ)
        while tls.pending():
            data += tls.recv(_READ)
        if not data:
            raise RunVoid("the server closed a connection")
        came: list[bytes] = []
        for body in self._frames.feed(data):
            said = decode_said(body)
            if isinstance(said, e.DirectEnvelope):
                if said.envelope != self.under_way.popleft():
                    raise RunVoid("an envelope is lost, doubled or altered")
                came.append(id_of(said.envelope))
            elif isinstance(said, e.DirectAccepted):
                self.accepted += 1
            elif isinstance(said, e.Done):
                self.settled += self._acknowledged.pop(said.id)
            else:
                raise RunVoid(f"not expected in a measured run: {said}")
        if came:
            self.received += len(came)
            request = self.client.next_id()
            self._acknowledged[request] = len(came)
            self.client.tls.sendall(encode(c.DirectAcknowledge(request, came)))


def correspond(people: Sequence[Correspondent], window: int, seconds: float) -> int:
    """Write for so long, each at most `window` that are not accepted and received; wait for the end of everything.

    Returns how many were relayed: accepted, delivered and acknowledged.
    """
    by_descriptor = {person.client.tls.fileno(): person for person in people}
    writers = [person for person in people if person.writes_to is not None]
    end = time.monotonic() + seconds
    with select.epoll() as poll:
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        while True:
            if time.monotonic() < end:
                for writer in writers:
                    recipient = writer.writes_to
                    if recipient is not None:
                        done = min(writer.accepted, recipient.received)
                        writer.write(window - (writer.sent - done))
            elif all(person.accepted == person.sent and person.settled == person.received for person in people):
                if sum(person.received for person in people) == sum(person.sent for person in people):
                    return sum(person.sent for person in people)
            ready = poll.poll(STALL_SECONDS)
            if not ready:
                raise RunVoid("silence, and envelopes are missing somewhere")
            for descriptor, _ in ready:
                by_descriptor[descriptor].read()
