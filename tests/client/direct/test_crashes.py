"""kill -9 of a client before and after every COMMIT of its vault; and a disk that fails there instead."""

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.envelopes_seen import EnvelopesSeen
from secure_chat.client.direct.events import DirectAccepted, DirectRefused
from secure_chat.client.direct.records import MESSAGES
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.content import Kind
from secure_chat.e2ee.envelope import Envelope
from secure_chat.errors import VaultFailed, VaultFull
from secure_chat.protocol import commands as c
from secure_chat.protocol.codec import decode_command, encode
from tests.architecture.source import ROOT
from tests.client.direct import dying_talker as d
from tests.client.direct.double import Double
from tests.client.direct.talkers import Scene, Talker
from tests.client.vault.faults import failing_commit, full_at_change
from tests.client.vault.vaults import open_vault
from tests.support.post_office import Key

COMMITS = 70  # a day has no more; who is to die at one that does not come lives to the end


class Lives:
    """The process that gives a client one life after the other."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin, self.stdout = process.stdin.fileno(), process.stdout.fileno()

    def begin(self, order: d.Order) -> bool:
        """Start a client; whether it has got so far that things may happen to it."""
        d.write(self.stdin, order)
        return self._answer() is not None

    def batch(self, batch: d.Batch) -> d.Answer | None:
        """What a client does with a batch; None: it died of it."""
        d.write(self.stdin, batch)
        return self._answer()

    def _answer(self) -> d.Answer | None:
        data = d.read(self.stdout)
        assert data, "the process that forks has ended"
        answer = msgspec.msgpack.decode(data, type=d.Answer | d.Ended)
        if isinstance(answer, d.Answer):
            return answer
        assert answer.killed, "the client has failed by itself"
        return None

    def end(self) -> None:
        """Let the client end in order."""
        d.write(self.stdin, d.Batch(0, ends=True))
        assert msgspec.msgpack.decode(d.read(self.stdout), type=d.Answer | d.Ended) == d.Ended(killed=False)


@pytest.fixture(scope="module")
def lives() -> Iterator[Lives]:
    command = [sys.executable, "-m", d.__name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, bufsize=0) as process:
        yield Lives(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


class Mortal:
    """Alice, who dies once and lives again; bob writes to her and reads what she wrote."""

    def __init__(self, scene: Scene, lives: Lives, where: str, at: int) -> None:
        self.scene, self.lives = scene, lives
        new = scene.templates.people["alice"]
        self.directory = scene.directory / "alice"
        shutil.copytree(scene.templates.directory / "alice", self.directory)
        self.key: Key = (new.account.user_id, new.device.keys.device_id)
        prekeys = {new.device.keys.device_id: new.prekey.published.encode()}
        scene.office.add(new.account.user_id, "alice", new.device.signed_device_list, prekeys)
        self.new = new
        self.bob = Double(scene, "bob").register()
        self.typed: list[str] = []  # in the vault for certain
        self.doubtful: list[str] = []  # died while it was typed
        self.deaths = self.commits = 0
        self._live(where, at)

    def _live(self, where: str, at: int) -> bool:
        if not self.lives.begin(d.Order(str(self.directory), where, at)):
            self.deaths += 1
            assert self.lives.begin(d.Order(str(self.directory), "before", 0))
        return self._batch(d.Batch(self.scene.clock.now_ms(), welcome=encode(self.scene.office.welcome(self.key))[4:]))

    def _batch(self, batch: d.Batch) -> bool:
        """One batch and the server's part of it; whether there is more to do."""
        answer = self.lives.batch(batch)
        if answer is None:
            self.deaths += 1
            self.doubtful += batch.typed
            return self._live("before", 0)
        self.typed += batch.typed
        self.commits = answer.commits
        said = []
        for data in answer.commands:
            said += self.scene.office.take(self.key, decode_command(data[4:]))
        said += self.scene.office.pushes(self.key)
        self._said = tuple(encode(each)[4:] for each in said)
        return bool(said) or answer.busy

    def settle(self, *typed: str) -> None:
        """Type, and go on until there is nothing more to do."""
        more = self._batch(d.Batch(self.scene.clock.now_ms(), typed=typed))
        while more:
            said, self._said = self._said, ()
            more = self._batch(d.Batch(self.scene.clock.now_ms(), said=said))

    def from_bob(self, *texts: str) -> None:
        """Bob writes."""
        for text in texts:
            self.bob.send(self, Kind.TEXT, TextBody(ref=None, text=text).encode())
        self.settle()


def a_day(mortal: Mortal) -> list[str]:
    """What happens to alice; what bob has read."""
    read: list[str] = []
    mortal.settle()
    mortal.settle("one")
    mortal.from_bob("a", "b")
    mortal.settle("two", "three")
    read += mortal.bob.texts()
    mortal.bob.begin(mortal.bob.devices[0], mortal)
    mortal.from_bob("c", "d", "e")
    mortal.scene.clock.pass_seconds(61)
    mortal.settle()
    mortal.settle("four")
    read += mortal.bob.texts()
    mortal.lives.end()
    return read


@pytest.mark.negative(26)
@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(
    "at", [each if each % 5 == 1 else pytest.param(each, marks=pytest.mark.long) for each in range(1, COMMITS + 1)]
)
def test_a_client_that_is_killed_at_a_commit_loses_nothing_doubles_nothing_and_uses_no_key_twice(
    scene: Scene, lives: Lives, where: str, at: int
) -> None:
    mortal = Mortal(scene, lives, where, at)
    read = a_day(mortal)
    assert mortal.deaths <= 1
    with open_vault(mortal.directory) as vault:
        rows = [message for _, message in vault.scan(MESSAGES)]
    texts = [message.text for message in rows if not message.own]
    assert texts == ["a", "b", "c", "d", "e"]
    said = [text for text in ("one", "two", "three", "four") if text in mortal.typed or text in read]
    assert read == said
    assert [message.text for message in rows if message.own] == said
    places: dict[tuple[bytes, bytes, int], bytes] = {}
    for send in scene.office.sent(mortal.key):
        for part in send.parts:
            if part.envelope:
                envelope = Envelope.parse(part.envelope)
                place = (envelope.sid8, envelope.ratchet_pub, envelope.n)
                assert places.setdefault(place, part.envelope) == part.envelope


def test_the_day_has_no_more_commits_than_are_tried(scene: Scene, lives: Lives) -> None:
    mortal = Mortal(scene, lives, "before", 0)
    assert a_day(mortal) == ["one", "two", "three", "four"]
    assert COMMITS - 20 < mortal.commits <= COMMITS


@pytest.mark.negative(27)
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR], ids=["disk full", "I/O error"])
def test_when_the_disk_fails_at_a_commit_nothing_leaves_that_is_not_on_it(scene: Scene, code: int) -> None:
    alice, bob = scene.person("alice"), Double(scene, "bob").register()
    alice.say("bob", "before")
    bob.say(alice, "hello")
    scene.pass_seconds(60)
    for at in itertools.count(1):
        alice.restart()  # with a whole disk
        alice.connect()
        scene.settle()
        assert bob.texts()[-1:] in ([], ["before"], [f"text {at - 1}"])
        sends, acknowledged = len(alice.sends()), _acknowledged(scene)
        failed = _fails(alice, bob, code, at)
        sent = [envelope for send in alice.sends()[sends:] for envelope in _envelopes(send)]
        named = _acknowledged(scene)[len(acknowledged) :]
        alice.restart()
        with alice.vault.transaction() as transaction:
            desk = Desk(transaction)
            kept = [part.envelope for each in desk.outgoing("bob") for part in each.parts]
            seen = [env_id for env_id in named if EnvelopesSeen().has(desk, env_id)]
            own = [message.text for _, message in desk.messages("bob") if message.own]
        assert seen == named
        assert all(envelope in kept or f"text {at}" in own for envelope in sent)
        if not failed:
            break
    assert at > 10


def test_a_disk_that_was_full_for_a_moment_leaves_nobody_without_an_answer_and_sends_nothing_twice(
    scene: Scene,
) -> None:
    """The connection ends of it and comes again by itself: whoever typed has to hear of it then, once."""
    alice, bob = scene.pair()
    for at in itertools.count(1):
        told, arrived = len(alice.events), len(bob.texts())
        has_failed = False
        ticket = scene.ticket()
        try:
            alice.restart(full_at_change(at))
        except VaultFull:
            continue  # nobody has typed anything yet
        types = partial(alice.direct.message, ticket, "bob", f"text {at}")
        for act in (alice.connect, types, scene.settle):
            try:
                act()
            except VaultFull:
                has_failed = True
                alice.disconnect()
                alice.connect()
        scene.settle()
        outcomes = [
            event
            for event in alice.events[told:]
            if isinstance(event, DirectAccepted | DirectRefused) and event.ticket == ticket
        ]
        assert len(outcomes) == 1
        is_refused = isinstance(outcomes[0], DirectRefused)
        assert bob.texts()[arrived:] == ([] if is_refused else [f"text {at}"])
        if not (has_failed or is_refused):
            break
    assert at > 2


def _fails(alice: Talker, bob: Double, code: int, at: int) -> bool:
    """Let alice start, connect, write and receive; whether the disk has stopped her."""
    scene, body = alice.scene, TextBody(ref=None, text=f"answer {at}").encode()
    scene.office.put(alice.key, bob.sealed(bob.devices[0], alice, Kind.TEXT, body), bob.key(bob.devices[0]))
    refused = len(alice.told(DirectRefused))
    try:
        alice.restart(failing_commit(code, at))
        alice.connect()
        alice.say("bob", f"text {at}")
        scene.pass_seconds(61)
    except (VaultFull, VaultFailed):
        alice.connected = False
        return True
    return len(alice.told(DirectRefused)) > refused


def _envelopes(send: c.DirectSend) -> list[bytes]:
    return [part.envelope for part in send.parts if part.envelope]


def _acknowledged(scene: Scene) -> list[bytes]:
    return [
        env_id
        for _, asked in scene.office.asked
        if isinstance(asked, c.DirectAcknowledge)
        for env_id in asked.envelope_ids
    ]
