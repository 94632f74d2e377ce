"""A store on a real file for tests: a clock of its own, people with real keys, a short way to each entry."""

import contextlib
import itertools
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, recovered_device_list, reset_device_list
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import ChatError
from secure_chat.names import skeleton
from secure_chat.protocol.authentication import login_signature_payload, resume_token_hash
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import RoomEvent
from secure_chat.protocol.frames import split_frames
from secure_chat.protocol.states import Role
from secure_chat.storage.database import Connect, connect
from secure_chat.storage.entries import (
    AnyEntry,
    CreateInvite,
    JoinRoom,
    LogIn,
    PostMessage,
    RecoverAccount,
    RegisterAccount,
    ResumeSession,
)
from secure_chat.storage.outcomes import Committed, LoggedIn, Numbered, Outcome, Refused
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.store import Store
from tests.support.people import TestPerson, make_person

HOUR_MS: Final = 60 * 60 * 1000
DAY_MS: Final = 24 * HOUR_MS
SERVER_ID: Final = b"s" * 32
NONCE: Final = b"n" * 32
NEW_HASH: Final = b"new hash"  # after a recovery
LEAF_HASH: Final = b"l" * 32

_Outcome = TypeVar("_Outcome")


@dataclass(slots=True)
class Member:
    """A registered person and the account's row number."""

    person: TestPerson
    account: int
    device: int
    password_hash: bytes
    device_list: AcceptedDeviceList
    run: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    counter: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def name(self) -> str:
        return self.person.name

    def client_id(self) -> bytes:
        """The next one of this run."""
        return self.run + next(self.counter).to_bytes(8, "big")


class Opened:
    """A store, its clock and its directory."""

    __test__ = False

    def __init__(self, directory: Path, connect: Connect = connect) -> None:
        self.directory = directory
        self.now = int(time.time() * 1000)  # prekeys are made with the real clock
        self._connect = connect
        self.store = Store.open(directory, now_ms=self.now, connect=connect)

    def reopen(self) -> None:
        """Stop cleanly and start again: nothing but the disk remembers."""
        self.store.close()
        self.open()

    def open(self) -> None:
        """Start again after the store was closed."""
        self.store = Store.open(self.directory, now_ms=self.now, connect=self._connect)

    @contextlib.contextmanager
    def reader(self) -> Iterator[StoreReader]:
        with contextlib.closing(StoreReader(self.directory)) as reader:
            yield reader

    # --- entries ---------------------------------------------------------------------------------

    def commit(self, *entries: AnyEntry) -> Committed:
        return self.store.commit(entries, self.now)

    def outcome(self, entry: AnyEntry) -> Outcome:
        return self.commit(entry).outcomes[0]

    def settled(self, entry: AnyEntry, kind: type[_Outcome]) -> _Outcome:
        """The outcome, which is of this kind."""
        outcome = self.outcome(entry)
        assert isinstance(outcome, kind), outcome
        return outcome

    def refusal(self, entry: AnyEntry) -> ChatError:
        return self.settled(entry, Refused).error

    # --- people ----------------------------------------------------------------------------------

    def invite(
        self, *, role: Role = Role.MEMBER, name: str = "", rooms: tuple[str, ...] = (), hours: int = 72
    ) -> bytes:
        """The hash of a fresh invite's token."""
        token_hash = secrets.token_bytes(32)
        entry = CreateInvite(token_hash, "join", role, rooms, self.now + hours * HOUR_MS, name)
        assert not isinstance(self.outcome(entry), Refused)
        return token_hash

    def reset_link(self, name: str) -> bytes:
        token_hash = secrets.token_bytes(32)
        entry = CreateInvite(token_hash, "reset", Role.MEMBER, (), self.now + 72 * HOUR_MS, name)
        assert not isinstance(self.outcome(entry), Refused)
        return token_hash

    def register(self, name: str, *, role: Role = Role.MEMBER) -> Member:
        """Somebody who has joined by invite; in #lobby."""
        person = make_person(name)
        entry = registration(person, self.invite(role=role))
        return member_of(person, self.settled(entry, LoggedIn))

    def join(self, member: Member, room: str) -> None:
        assert not isinstance(self.outcome(JoinRoom(member.account, room, fill=False)), Refused)

    def post(self, member: Member, room: str, text: str) -> Numbered:
        return self.settled(post(member, room, text), Numbered)

    def events(self, room: str) -> list[RoomEvent]:
        """The whole room as the disk has it."""
        with self.reader() as reader:
            rows = list(reader.log_rows(room))
            while rows and (more := reader.log_rows(room, rows[-1].number + 1)):
                rows += more
        return decoded(b"".join(row.frame for row in rows))


def decoded(frames: bytes) -> list[RoomEvent]:
    """Whole frames as events."""
    events = [decode_said(body) for body in split_frames(frames)]
    assert all(isinstance(event, RoomEvent) for event in events)
    return [event for event in events if isinstance(event, RoomEvent)]


def appended(committed: Committed, room: str) -> list[RoomEvent]:
    """What the batch added to a room."""
    return decoded(b"".join(blob.frames for blob in committed.appended.get(room, [])))


def member_of(person: TestPerson, welcome: LoggedIn) -> Member:
    return Member(person, welcome.account, welcome.device, b"hash of " + person.name.encode(), person.device_list)


def post(member: Member, room: str, text: str) -> PostMessage:
    return PostMessage(member.account, member.device, room, member.client_id(), text)


def registration(
    person: TestPerson,
    token_hash: bytes | None,
    *,
    repeat: bool = False,
    mode: str = "invite",
    counter: int = 1,
    proof: bytes = b"",
) -> RegisterAccount:
    return RegisterAccount(
        name=person.name,
        skeleton=skeleton(person.name),
        password_hash=b"hash of " + person.name.encode(),
        device_list=person.device_list.signed.encode(),
        signed_prekey=person.signed_prekey.published.encode(),
        device=person.device.device_id,
        counter=counter,
        resume_token_hash=resume_token_hash(person.resume_token),
        token_hash=token_hash,
        proof=proof,
        repeat=repeat,
        registration=mode,
    )


def login(member: Member, *, counter: int = 2, token_hash: bytes = b"") -> LogIn:
    return LogIn(
        account=member.account,
        device=member.device,
        counter=counter,
        password_hash=member.password_hash,
        device_list_hash=member.device_list.digest,
        resume_token_hash=token_hash or secrets.token_bytes(32),
    )


def resume(member: Member, token_hash: bytes, *, counter: int = 2, successor: bytes = b"") -> ResumeSession:
    """A resume with a right signature."""
    person = member.person
    payload = login_signature_payload(SERVER_ID, person.user_id, person.device.device_id, NONCE, LEAF_HASH)
    return ResumeSession(
        token_hash=token_hash,
        device=member.device,
        counter=counter,
        signature=person.device.sign(payload),
        server_id=SERVER_ID,
        nonce=NONCE,
        leaf_hash=LEAF_HASH,
        successor_hash=successor or secrets.token_bytes(32),
    )


@dataclass(frozen=True, slots=True)
class NewDevice:
    """A device that is to take the place of all others."""

    device: DeviceSecrets
    device_list: AcceptedDeviceList
    prekey: SignedPrekeySecret

    def recovery(self, member: Member, *, token_hash: bytes | None = None, repeat: bool = False) -> RecoverAccount:
        return RecoverAccount(
            name=member.name,
            account=None if token_hash is not None else member.account,
            token_hash=token_hash,
            password_hash=NEW_HASH,
            device_list=self.device_list.signed.encode(),
            signed_prekey=self.prekey.published.encode(),
            device=self.device.device_id,
            counter=1,
            resume_token_hash=secrets.token_bytes(32),
            repeat=repeat,
            old_hash=member.password_hash if token_hash is None else b"",
        )


def replacement(
    member: Member, now_ms: int, *, identity: IdentitySecret | None = None, device: DeviceSecrets | None = None
) -> NewDevice:
    """A new device under the member's identity, or under a new one (a reset)."""
    random = secrets.token_bytes
    device = device or DeviceSecrets.generate(random)
    if identity is None:
        accepted = recovered_device_list(member.person.identity, device, member.device_list, now_ms)
    else:
        accepted = reset_device_list(identity, device, member.device_list, now_ms)
    prekey = SignedPrekeySecret.generate(device, member.person.user_id, random, now_ms)
    return NewDevice(device, accepted, prekey)
