"""After any burst everybody has everything, without further traffic."""

import random
import select
import time
from pathlib import Path

from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.support.installation import Installation
from tests.support.wire_client import PATIENCE_SECONDS, WireClient, client_id

PEOPLE = [f"person{index}" for index in range(8)]
ROOMS = [f"room{index}" for index in range(100)]
BURSTS = 1000
LARGEST_BURST = 24  # below the 32 that one connection may have in the journal


def pump_until(clients: list[WireClient], done: dict[str, int], heard: dict[str, int], wanted: int) -> None:
    """Read all connections until everybody has heard `wanted` messages; nothing is sent meanwhile."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while any(heard[name] < wanted for name in done):
        sockets = {client.tls: (name, client) for name, client in zip(done, clients, strict=True)}
        ready = select.select(list(sockets), [], [], max(0.0, deadline - time.monotonic()))[0]
        assert ready, f"silence, and yet something is missing: {heard}, wanted {wanted}"
        for each in ready:
            name, client = sockets[each]
            client.pump(0)
            while client.said:
                said = client.said.popleft()
                assert not isinstance(said, (e.Failure, e.RoomGap)), said
                heard[name] += isinstance(said, e.Message)


def test_after_each_of_a_thousand_bursts_everybody_has_everything(tmp_path: Path) -> None:
    installation = Installation(tmp_path)
    installation.seed(PEOPLE, ROOMS)
    with installation.start():
        clients = [installation.connect_as(name) for name in PEOPLE]
        for client in clients:
            for room in ROOMS:
                client.open(room)
        heard = dict.fromkeys(PEOPLE, 0)
        sent = 0
        for burst in range(BURSTS):
            sender = random.randrange(len(PEOPLE))
            for _ in range(random.randint(1, LARGEST_BURST)):
                sent += 1
                post = c.RoomPost(clients[sender].next_id(), random.choice(ROOMS), client_id(burst, sent), f"n {sent}")
                clients[sender].send(post)
            pump_until(clients, dict.fromkeys(PEOPLE, 0), heard, sent)
        assert all(count == sent for count in heard.values())
        for client in clients:
            client.close()
