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
from tests.support.wire_client import WireClient

PEOPLE = [f"person{index}" for index in range(6)]
OUTSTANDING = 4
LONGEST_ROUND_SECONDS = 1.2


@dataclass(slots=True)
class Correspondent:
    """Somebody who writes to everybody, and repeats after a crash the same bytes until they are accepted."""

    person: TestPerson
    others: list[TestPerson]
    sent: dict[str, list[bytes]] = field(default_factory=dict)  # envelopes by recipient, in order
    accepted: set[bytes] = field(default_factory=set)
    received: dict[bytes, list[bytes]] = field(default_factory=dict)  # first sight, in order, by sender's user id
    acknowledged: set[bytes] = field(default_factory=set)  # the server has answered
    resent: int = 0  # came again although the acknowledgement was answered

    def correspond(self, installation: Installation) -> None:
        """Write and acknowledge until the connection breaks."""
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
                self._take(client, waiting, under_way)

    def collect(self, installation: Installation) -> None:
        """Take what still waits, from the oldest unacknowledged on."""
        with installation.connect_as(self.person.name) as client:
            under_way: dict[int, list[bytes]] = {}
            quiet = 0
            while quiet < 3:  # every thread has been asked three times, and nothing came
                before = len(self.received), len(under_way)
                client.ask(c.RoomList(client.next_id()))
                client.ask(c.UserList(client.next_id()))
                self._take(client, {}, under_way)
                quiet = quiet + 1 if not under_way and before == (len(self.received), 0) else 0

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
            threads = [threading.Thread(target=one.correspond, args=(installation,)) for one in everybody]
            for thread in threads:
                thread.start()
            threading.Event().wait(random.uniform(0.1, LONGEST_ROUND_SECONDS))
            server.kill()
            for thread in threads:
                thread.join()
    with installation.start():
        for one in everybody:
            one.collect(installation)
    for sender in everybody:
        for recipient in everybody:
            sent = sender.sent.get(recipient.person.name, [])
            received = recipient.received.get(bytes(sender.person.user_id), [])
            assert set(received) <= set(sent), "nobody has sent this"
            lost = [envelope for envelope in sent if envelope in sender.accepted and envelope not in set(received)]
            assert lost == [], "accepted, and never delivered"
            assert received == [envelope for envelope in sent if envelope in set(received)], "not in the order sent"
    accepted = sum(len(one.accepted) for one in everybody)
    assert accepted > rounds * 20, "hardly anything was sent: this test has shown nothing"


def test_a_killed_server_delivers_every_direct_message_it_accepted_until_it_is_acknowledged(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=4)


@pytest.mark.long
def test_a_server_killed_twenty_times_delivers_every_direct_message_it_accepted(tmp_path: Path) -> None:
    kill_again_and_again(tmp_path, rounds=20)
