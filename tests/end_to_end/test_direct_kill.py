"""The server is killed at random moments: a direct message it accepted is delivered until it is acknowledged."""

import contextlib
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.direct_wire import envelope_for, id_of, send_request
from tests.support.installation import Installation
from tests.support.people import TestPerson
from tests.support.wire_client import PATIENCE_SECONDS, WireClient

PEOPLE = [f"person{index}" for index in range(6)]
OUTSTANDING = 4
FEWEST, MOST = 30, 400  # messages accepted in a round before the server is killed
LONGEST_AFTER_SECONDS = 0.1  # the kill need not follow an acceptance


@dataclass(slots=True)
class Correspondent:
    """Somebody who writes to everybody, and repeats after a crash the same bytes until they are accepted."""

    person: TestPerson
    others: list[TestPerson]
    sent: dict[str, list[bytes]] = field(default_factory=dict)  # envelopes by recipient, in order
    accepted: set[bytes] = field(default_factory=set)
    received: dict[bytes, list[bytes]] = field(default_factory=dict)  # first sight, in order, by sender's user id
    acknowledged: set[bytes] = field(default_factory=set)  # the server has answered

    def correspond(self, installation: Installation, accepted: threading.Semaphore) -> None:
        """Write and acknowledge until the connection breaks; `accepted` is released for each message that is."""
        with contextlib.suppress(EOFError, OSError), installation.connect_as(self.person.name) as client:
            waiting = {
                client.send(send_request(client, other, envelope)): envelope
                for other in self.others
                for envelope in self.sent.get(other.name, [])
                if envelope not in self.accepted
            }
            under_way: dict[int, list[bytes]] = {}
            while True:
                while len(waiting) < OUTSTANDING:
                    other = random.choice(self.others)
                    envelope = envelope_for(self.person, other)
                    self.sent.setdefault(other.name, []).append(envelope)
                    waiting[client.send(send_request(client, other, envelope))] = envelope
                client.pump(10)
                before = len(self.accepted)
                self._take(client, waiting, under_way)
                for _ in range(len(self.accepted) - before):
                    accepted.release()

    def collect(self, installation: Installation, expected: set[bytes]) -> None:
        """Take what still waits, from the oldest unacknowledged on, until all that is expected came and is settled."""
        with installation.connect_as(self.person.name) as client:
            under_way: dict[int, list[bytes]] = {}
            self._take(client, {}, under_way)
            while under_way or expected.difference(*self.received.values()):
                assert client.pump(PATIENCE_SECONDS), "accepted, and never delivered"
                self._take(client, {}, under_way)
        with installation.connect_as(self.person.name) as client:  # what was acknowledged does not come again
            client.ask(c.RoomList(client.next_id()))
            self._take(client, {}, {})

    def _take(self, client: WireClient, waiting: dict[int, bytes], under_way: dict[int, list[bytes]]) -> None:
        came: list[bytes] = []
        while client.said:
            said = client.said.popleft()
            if isinstance(said, e.DirectEnvelope):
                self._receive(said.envelope)
                came.append(said.envelope)
            elif isinstance(said, e.DirectAccepted):
                self.accepted.add(waiting.pop(said.id))
            elif isinstance(said, e.Done):
                self.acknowledged.update(under_way.pop(said.id))
            else:
                assert not isinstance(said, e.Failure), said
        if came:
            ids = [id_of(envelope) for envelope in came]
            under_way[client.send(c.DirectAcknowledge(client.next_id(), ids))] = came

    def _receive(self, envelope: bytes) -> None:
        assert envelope not in self.acknowledged, "delivered again although the acknowledgement was answered"
        first_seen = self.received.setdefault(envelope[19:35], [])
        if envelope not in first_seen:
            first_seen.append(envelope)


def kill_again_and_again(directory: Path, rounds: int) -> None:
    installation = Installation(directory)
    people = installation.seed(PEOPLE)
    everybody = [Correspondent(person, [other for other in people if other is not person]) for person in people]
    for _ in range(rounds):
        with installation.start() as server:
            accepted = threading.Semaphore(0)
            threads = [threading.Thread(target=one.correspond, args=(installation, accepted)) for one in everybody]
            for thread in threads:
                thread.start()
            for _ in range(random.randint(FEWEST, MOST)):
                assert accepted.acquire(timeout=PATIENCE_SECONDS), "nothing is accepted any more"
            threading.Event().wait(random.uniform(0, LONGEST_AFTER_SECONDS))
            server.kill()
            for thread in threads:
                thread.join()
    with installation.start():
        for one in everybody:
            to_one = {envelope for sender in everybody for envelope in sender.sent.get(one.person.name, [])}
            one.collect(installation, to_one & set().union(*(sender.accepted for sender in everybody)))
    for sender in everybody:
        for recipient in everybody:
            sent = sender.sent.get(recipient.person.name, [])
            received = recipient.received.get(bytes(sender.person.user_id), [])
            assert set(received) <= set(sent), "nobody has sent this"
            lost = [envelope for envelope in sent if envelope in sender.accepted and envelope not in set(received)]
            assert lost == [], "accepted, and never delivered"
            assert received == [envelope for envelope in sent if envelope in set(received)], "not in the order sent"


def test_a_killed_server_delivers_every_direct_message_it_accepted_until_it_is_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=4)


@pytest.mark.long
def test_a_server_killed_twenty_times_delivers_every_direct_message_it_accepted(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=20)
