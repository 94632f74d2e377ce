"""What a client needs to open what waits for it: a hundred direct messages, from bytes to the vault's disk."""

import statistics
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.end_to_end import TEXT, no_collection, seconds
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.content import Kind
from secure_chat.protocol.events import Said
from tests.client.direct.double import Double
from tests.client.direct.talkers import Scene, Talker, make_templates

WAITING: Final = 100
ROUNDS: Final = 7


def open_waiting_mail() -> float:
    """Seconds, median: opened, committed, told to the screen, acknowledged; in the server's windows."""
    with tempfile.TemporaryDirectory() as directory:
        (people := Path(directory, "people")).mkdir()
        scene = Scene(Path(directory), make_templates(people))
        try:
            alice, bob = scene.person("alice"), Double(scene, "bob").register()
            bob.say(alice, "the first, which sets up the session")
            return statistics.median(_round(scene, alice, bob) for _ in range(ROUNDS))
        finally:
            scene.close()


def _round(scene: Scene, alice: Talker, bob: Double) -> float:
    alice.disconnect()
    bob.begin(bob.devices[0], alice)  # a chain ends after 500
    body, before = TextBody(ref=None, text=TEXT).encode(), len(alice.heard())
    for _ in range(WAITING):
        bob.send(alice, Kind.TEXT, body)
    alice.connect()
    with no_collection():
        spent = 0.0
        while pushed := scene.office.pushes(alice.key):
            spent += seconds(partial(_take, alice, pushed))
            for command in alice.direct.commands(scene.clock.seconds(), scene.next_id):
                scene.office.take(alice.key, command)
    if len(alice.heard()) - before != WAITING:
        raise RuntimeError("not every message that waited was opened")
    return spent


def _take(alice: Talker, pushed: Sequence[Said]) -> None:
    for said in pushed:
        alice.direct.said(said)
    alice.direct.turn()
