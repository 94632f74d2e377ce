"""People with a vault and no socket: their direct messages, a post office between them, and a clock set by hand."""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

from secure_chat.client.direct.direct import Direct
from secure_chat.client.direct.events import DirectHeard, DirectMessage
from secure_chat.client.events import Answer, Answered, Event, Failed, Ticket
from secure_chat.client.vault.database import ConnectionFactory
from secure_chat.client.vault.database import connect as usual_connection
from secure_chat.client.vault.enrolment import NewVault, ServerFacts, register
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.protocol import commands as c
from tests.client.vault.vaults import FLOOR, NOW_MS, PASSPHRASE, open_vault, server_facts
from tests.support.post_office import Key, PostOffice

NAMES = ("alice", "bob", "carol")
Kind = TypeVar("Kind", bound=Event)
AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class Clock:
    """A time that passes when a test says so."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def seconds(self) -> float:
        return (self.ms - NOW_MS) / 1000 + 1.0

    def pass_seconds(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)


@dataclass(frozen=True, slots=True)
class Templates:
    """Closed vaults to copy, one for each of `NAMES`: deriving their keys is slow on purpose."""

    directory: Path
    facts: ServerFacts
    people: dict[str, NewVault]


def make_templates(directory: Path) -> Templates:
    """The vaults of new accounts of one server."""
    facts, people = server_facts(), {}
    for name in NAMES:
        people[name] = new = register(facts, name, os.urandom, NOW_MS - 1)
        (directory / name).mkdir(mode=0o700)
        create_vault(directory / name, PASSPHRASE, new.identity.seed, new.write, cost=FLOOR).close()
    return Templates(directory, facts, people)


class Talker:
    """One person at one device. `events` holds all that was told."""

    def __init__(self, new: NewVault, directory: Path, scene: "Scene") -> None:
        self.new = new
        self.name = new.account.name
        self.key: Key = (new.account.user_id, new.device.keys.device_id)
        self.directory = directory
        self.scene = scene
        self.random: Randomness = os.urandom
        self.events: list[Event] = []
        self.connected = False
        self.vault, self.direct = self._open(usual_connection)

    def _open(self, factory: ConnectionFactory) -> tuple[Vault, Direct]:
        vault, clock = open_vault(self.directory, factory=factory), self.scene.clock
        try:
            return vault, Direct(vault, self.events.append, clock.now_ms, clock.seconds, self._draw)
        except BaseException:
            vault.close()
            raise

    def _draw(self, length: int) -> bytes:
        return self.random(length)

    def close(self) -> None:
        """Close the vault that is open now."""
        self.vault.close()

    # --- life ------------------------------------------------------------------------------------

    def connect(self) -> Self:
        """Log in."""
        self.connected = True
        self.direct.connected(self.scene.office.welcome(self.key))
        return self

    def disconnect(self) -> None:
        """Lose the connection."""
        self.connected = False
        self.direct.disconnected()

    def restart(self, factory: ConnectionFactory = usual_connection) -> None:
        """End the program and start it again, not connected."""
        self.connected = False
        self.vault.close()
        self.vault, self.direct = self._open(factory)

    def step(self) -> bool:
        """One turn of the network thread; whether there is more to do now."""
        direct, office = self.direct, self.scene.office
        if not self.connected:
            return False
        commands = list(direct.commands(self.scene.clock.seconds(), self.scene.next_id))
        for command in commands:
            for said in office.take(self.key, command):
                direct.said(said)
        pushed = office.pushes(self.key)
        for envelope in pushed:
            direct.said(envelope)
        direct.turn()
        due = direct.next_time()
        return bool(commands or pushed) or (due is not None and due <= self.scene.clock.seconds())

    # --- talking ---------------------------------------------------------------------------------

    def say(self, name: str, text: str) -> Ticket:
        """Type a message, and let it go as far as it can."""
        ticket = self.scene.ticket()
        self.direct.message(ticket, name, text)
        self.scene.settle()
        return ticket

    def call(self, call: Callable[[Ticket], None]) -> Answered | Failed:
        """Call something, and wait for its answer."""
        ticket = self.scene.ticket()
        call(ticket)
        self.scene.settle()
        [outcome] = [each for each in self.events if isinstance(each, Answered | Failed) and each.ticket == ticket]
        return outcome

    def told(self, kind: type[Kind]) -> list[Kind]:
        """All events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def heard(self) -> list[DirectMessage]:
        """Others' rows that were told of."""
        return [event.message for event in self.told(DirectHeard) if not event.message.own]

    def texts(self) -> list[str]:
        """Others' texts that were told of."""
        return [message.text for message in self.heard()]

    def sends(self) -> list[c.DirectSend]:
        """What this device has asked the server to deliver."""
        return self.scene.office.sent(self.key)


@dataclass(slots=True)
class Scene:
    """People, a post office and a clock."""

    directory: Path
    templates: Templates
    clock: Clock = field(default_factory=Clock)
    office: PostOffice = field(init=False)
    people: list[Talker] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _tickets: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _open: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.office = PostOffice(self.clock.now_ms)

    def next_id(self) -> int:
        return next(self._ids)

    def ticket(self) -> Ticket:
        return Ticket(next(self._tickets))

    def person(self, name: str, *, connects: bool = True) -> Talker:
        """Somebody with an account."""
        directory = self.directory / f"{name}-{len(self.people)}"
        shutil.copytree(self.templates.directory / name, directory)
        new = self.templates.people[name]
        talker = Talker(new, directory, self)
        self._open.callback(talker.close)
        self.people.append(talker)
        if new.account.user_id not in self.office.accounts:
            signed_list, prekey = new.device.signed_device_list, new.prekey.published.encode()
            self.office.add(new.account.user_id, name, signed_list, {new.device.keys.device_id: prekey})
        if connects:
            talker.connect()
            self.settle()
        return talker

    def pair(self) -> tuple[Talker, Talker]:
        """Alice and bob, connected."""
        return self.person("alice"), self.person("bob")

    def settle(self, people: Sequence[Talker] | None = None) -> None:
        """Until nobody has anything to say."""
        for _ in range(10_000):
            turns = [person.step() for person in people or self.people]
            if not any(turns):
                return
        raise AssertionError("they never come to an end")

    def pass_seconds(self, seconds: float) -> None:
        """Time passes, and what is due then happens."""
        self.clock.pass_seconds(seconds)
        self.settle()

    def close(self) -> None:
        """Close every vault."""
        self._open.close()
