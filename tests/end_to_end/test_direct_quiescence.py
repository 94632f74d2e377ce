"""After any burst of direct messages everybody has everything, without further traffic but acknowledgements."""

import random
import select
import time
from pathlib import Path

import pytest

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.direct_wire import LONGEST, SHORT, envelope_for, id_of, send_request
from tests.support.installation import Installation
from tests.support.people import TestPerson
from tests.support.wire_client import PATIENCE_SECONDS, WireClient

PEOPLE = [f"person{index}" for index in range(5)]
BURSTS = 60
LARGEST_BURST = 30  # below the 32 that one connection may have in the journal


def take(client: WireClient) -> list[bytes]:
    """What has come; now and then it is acknowledged one by one, now and then all together."""
    client.pump(0)
    came: list[bytes] = []
    while client.said:
        said = client.said.popleft()
        assert not isinstance(said, (e.Failure, e.DevicesStale, e.DevicesFull)), said
        if isinstance(said, e.DirectEnvelope):
            came.append(said.envelope)
    if came and random.random() < 0.5:
        client.send(c.DirectAcknowledge(client.next_id(), [id_of(envelope) for envelope in came]))
    else:
        for envelope in came:
            client.send(c.DirectAcknowledge(client.next_id(), [id_of(envelope)]))
    return came


def pump_until(clients: dict[str, WireClient], heard: dict[str, int], wanted: dict[str, int]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    by_socket = {client.tls: name for name, client in clients.items()}
    for name, client in clients.items():
        heard[name] += len(take(client))  # what came together with a welcome makes no socket readable any more
    while heard != wanted:
        ready = select.select(list(by_socket), [], [], max(0.0, deadline - time.monotonic()))[0]
        assert ready, f"silence, and yet something is missing: {heard}, wanted {wanted}"
        for each in ready:
            heard[by_socket[each]] += len(take(clients[by_socket[each]]))


def burst(client: WireClient, sender: TestPerson, people: list[TestPerson], wanted: dict[str, int]) -> None:
    for _ in range(random.randint(1, LARGEST_BURST)):
        recipient = random.choice([person for person in people if person is not sender])
        envelope = envelope_for(sender, recipient, padded=random.choice([SHORT, SHORT, SHORT, LONGEST]))
        client.send(send_request(client, recipient, envelope))
        wanted[recipient.name] += 1


@pytest.mark.parametrize("io_threads", [1, 2])
def test_after_each_burst_everybody_has_everything_also_who_was_away(tmp_path: Path, io_threads: int) -> None:
    installation = Installation(tmp_path, io_threads=io_threads)
    people = installation.seed(PEOPLE)
    with installation.start():
        clients = {person.name: installation.connect_as(person.name) for person in people}
        heard, wanted = dict.fromkeys(PEOPLE, 0), dict.fromkeys(PEOPLE, 0)
        for _ in range(BURSTS):
            away = random.choice([None, *people])
            if away is not None:
                clients.pop(away.name).close()
            for _ in range(random.randint(1, 4)):
                sender = random.choice([person for person in people if person is not away])
                burst(clients[sender.name], sender, people, wanted)
            if away is not None:
                clients[away.name] = installation.connect_as(away.name)
            pump_until(clients, heard, wanted)
            settle(clients)
        for client in clients.values():
            client.close()


def settle(clients: dict[str, WireClient]) -> None:
    """Every acknowledgement is answered: who leaves now is not sent it again."""
    for client in clients.values():
        client.ask(c.DirectAcknowledge(client.next_id(), [bytes(16)]))
        while client.said:
            assert not isinstance(client.said.popleft(), (e.Failure, e.DirectEnvelope))
