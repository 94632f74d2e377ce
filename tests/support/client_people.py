"""Clients for tests: a vault for somebody who is on a server already, and a client whose events can be waited for."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self, TypeVar
from unittest.mock import patch

from secure_chat.certificates.pins import server_id
from secure_chat.client.backoff import BackoffLimits
from secure_chat.client.core import Client, Options
from secure_chat.client.events import Answer, Answered, Connected, Event, Failed, Heard, RoomEntered, Ticket
from secure_chat.client.persistence import Persistence
from secure_chat.client.vault import login_state
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.client.vault.records import Account, OwnDevice
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.protocol import authentication
from secure_chat.protocol.events import Message
from tests.support.cheap_client import CHEAP, CHEAP_LOGIN
from tests.support.installation import HOST, Installation
from tests.support.people import TestPerson
from tests.support.wire_client import PATIENCE_SECONDS

PASSPHRASE = "correct horse battery staple"
QUICK = BackoffLimits(0.02, 0.2)

Kind = TypeVar("Kind", bound=Event)
AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


def cheap_login_derivation() -> AbstractContextManager[object]:
    """Derive login secrets quickly, in this process: the table is the client's own, and no server can tell."""
    return patch.object(authentication, "LOGIN_KDF", CHEAP_LOGIN)


def vault_of(installation: Installation, person: TestPerson, directory: Path, *, port: int | None = None) -> Vault:
    """A new vault of a seeded person, with the resume token. `port`: of a proxy in between."""
    account = Account(
        user_id=person.user_id,
        name=person.name,
        host=HOST,
        port=installation.port if port is None else port,
        authority=installation.authority,
        server_id=server_id(installation.authority),
        log_key=installation.log_public_key,
    )
    device = OwnDevice(person.device, person.device_list.signed.encode())
    new = NewVault(account, device, person.signed_prekey, person.identity)
    directory.mkdir(mode=0o700, parents=True)
    vault = create_vault(directory, PASSPHRASE, person.identity.seed, new.write, cost=CHEAP)
    login_state.keep_token(vault, person.resume_token)
    return vault


def options(*, attend: bool = True, persistence: Persistence | None = None) -> Options:
    """Options for tests: new connections after some hundredths of a second."""
    return Options(attend=attend, persistence=persistence or Persistence(), backoff=QUICK, cost=CHEAP)


class TestClient:
    """A running client. `seen` holds every event that was taken, oldest first."""

    __test__ = False

    def __init__(
        self, vault: Vault, settings: Options | None = None, *, passphrase: str | None = None, connects: bool = True
    ) -> None:
        """`connects`: the `with` block begins once the client is connected."""
        self.core = Client(vault, passphrase, settings or options())
        self._connects = connects
        self.seen: list[Event] = []
        self._waiting: list[Event] = []  # taken, and not returned by a wait

    def __enter__(self) -> Self:
        self.core.start()
        try:
            if self._connects:
                self.wait_for(Connected)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.core.close(within=PATIENCE_SECONDS)
        self.core.vault.close()

    def wait(self, wanted: Callable[[Event], bool]) -> Event:
        """The oldest event that is wanted and was not returned before; events in between stay for other waits."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        for position, event in enumerate(self._waiting):
            if wanted(event):
                return self._waiting.pop(position)
        while True:
            found = self.core.events.get(max(0.0, deadline - time.monotonic()))
            assert found is not None, f"waited {PATIENCE_SECONDS:.0f} s in vain; last: {self.seen[-5:]}"
            self.seen.append(found)
            if wanted(found):
                return found
            self._waiting.append(found)

    def wait_for(self, kind: type[Kind]) -> Kind:
        """The next event of this kind."""
        event = self.wait(lambda event: isinstance(event, kind))
        assert isinstance(event, kind)
        return event

    def enter(self, *rooms: str) -> None:
        """Wait until all these rooms are open."""
        left = set(rooms)
        while left:
            left.discard(self.wait_for(RoomEntered).room)

    def outcome(self, ticket: Ticket) -> Answered | Failed:
        """What a call led to, whenever that came."""
        event = self.wait(lambda event: isinstance(event, Answered | Failed) and event.ticket == ticket)
        assert isinstance(event, Answered | Failed)
        return event

    def answer(self, ticket: Ticket, kind: type[AnyAnswer]) -> AnyAnswer:
        """The answer to a call."""
        outcome = self.outcome(ticket)
        assert isinstance(outcome, Answered), outcome
        assert isinstance(outcome.answer, kind)
        return outcome.answer

    def failure(self, ticket: Ticket) -> str:
        """The code of the error to which a call led."""
        outcome = self.outcome(ticket)
        assert isinstance(outcome, Failed), outcome
        return outcome.error.code

    def texts(self, room: str, count: int) -> list[str]:
        """Wait until `count` messages of a room were heard since the start; their texts, in the order they came."""
        while len(found := [event.text for event in self.messages(room)]) < count:
            self.wait_for(Heard)
        return found

    def messages(self, room: str) -> list[Message]:
        """The messages of a room that were heard so far."""
        return [
            event.event
            for event in self.seen
            if isinstance(event, Heard) and isinstance(event.event, Message) and event.event.room == room
        ]
