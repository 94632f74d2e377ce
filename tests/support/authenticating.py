"""An authenticator over a real store, and commands as a client's would arrive."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.limits import BCRYPT_COST_FLOOR
from secure_chat.protocol import commands as c
from secure_chat.protocol.authentication import invite_token_hash, login_signature_payload
from secure_chat.protocol.states import Role
from secure_chat.server.authentication import Authenticator, Clocks, Finding
from secure_chat.server.authentication_requests import (
    Binding,
    CheckInvite,
    CheckLogin,
    CheckPassphraseChange,
    CheckRecovery,
    CheckRegistration,
)
from secure_chat.server.items import WithToken
from secure_chat.server.login_limits import LoginLimits
from secure_chat.server.session import LimitedSession, Session
from secure_chat.server.settings.model import LoginRules, Rates
from secure_chat.storage.entries import AnyEntry, CreateInvite, SetAccountState
from secure_chat.storage.outcomes import LoggedIn, Refused
from tests.storage.opened import HOUR_MS, NewDevice, Opened
from tests.support.people import TestPerson, make_person

ADDRESS: Final = "10.0.0.1"
BINDING: Final = Binding(b"s" * 32, b"n" * 32, b"l" * 32)


class Authenticating:
    """A store, its reader, limits and the authenticator between them; `now` is the monotonic clock."""

    __test__ = False

    def __init__(self, opened: Opened, authenticator: Authenticator, limits: LoginLimits) -> None:
        self.opened = opened
        self.authenticator = authenticator
        self.limits = limits

    # --- what happened before ------------------------------------------------------------------------

    def token(self, purpose: str = "join", *, name: str = "", hours: int = 72) -> bytes:
        """The token of a fresh invite."""
        token = secrets.token_bytes(16)
        expires = self.opened.now + hours * HOUR_MS
        self.done(CreateInvite(invite_token_hash(token), purpose, Role.MEMBER, (), expires, name))
        return token

    def done(self, entry: AnyEntry) -> None:
        """Commit what must not be refused."""
        outcome = self.opened.outcome(entry)
        assert not isinstance(outcome, Refused), outcome.error

    def set_state(self, name: str, state: str) -> None:
        """As an administrator does."""
        self.done(SetAccountState(name, state))

    def registered(self, name: str) -> tuple[TestPerson, int]:
        """Somebody who has joined by invite, and the account's number."""
        person = make_person(name)
        found = self.find(self.registration(person, self.token()))
        assert isinstance(found, WithToken)
        outcome = self.opened.outcome(found.entry)
        assert isinstance(outcome, LoggedIn), outcome
        return person, outcome.account

    # --- requests ------------------------------------------------------------------------------------

    def find(
        self,
        request: CheckInvite | CheckLogin | CheckRegistration | CheckRecovery | CheckPassphraseChange,
        address: str = ADDRESS,
    ) -> Finding:
        """What the authenticator finds."""
        return self.authenticator.find(request, address)

    def login(
        self, person: TestPerson, *, secret: bytes | None = None, proof: c.DeviceProof | None = None, name: str = ""
    ) -> CheckLogin:
        """A login as the person's device."""
        command = c.Login(1, name or person.name, secret or person.login_secret, proof or proof_of(person))
        return CheckLogin(1, command, BINDING, BCRYPT_COST_FLOOR)

    def login_without_device(self, person: TestPerson) -> CheckLogin:
        """A login that may only recover."""
        command = c.Login(1, person.name, person.login_secret)
        return CheckLogin(1, command, BINDING, BCRYPT_COST_FLOOR)

    def registration(
        self,
        person: TestPerson,
        token: bytes = b"",
        *,
        mode: str = "invite",
        name: str = "",
        device_list: bytes = b"",
        prekey: bytes = b"",
        proof: c.DeviceProof | None = None,
    ) -> CheckRegistration:
        """A registration; what is not named is right."""
        command = c.Register(
            1,
            name or person.name,
            person.login_secret,
            device_list or person.device_list.signed.encode(),
            prekey or person.signed_prekey.published.encode(),
            proof or proof_of(person),
            token,
        )
        return CheckRegistration(1, command, BINDING, BCRYPT_COST_FLOOR, mode)

    def recovery(
        self,
        person: TestPerson,
        new: NewDevice,
        *,
        token: bytes = b"",
        limited: LimitedSession | None = None,
        secret: bytes = b"",
        proof: c.DeviceProof | None = None,
        device_list: AcceptedDeviceList | None = None,
    ) -> CheckRecovery:
        """A recovery onto a new device."""
        command = c.Recover(
            1,
            person.name,
            secret or person.login_secret,
            (device_list or new.device_list).signed.encode(),
            new.prekey.published.encode(),
            proof or proof_by(person, new.device),
            token,
        )
        return CheckRecovery(1, command, BINDING, BCRYPT_COST_FLOOR, limited)

    def passphrase_change(self, person: TestPerson, account: int, old: bytes, new: bytes) -> CheckPassphraseChange:
        """Another login secret."""
        session = Session(account, person.device.device_id, person.user_id, person.name, Role.MEMBER)
        return CheckPassphraseChange(1, c.PassphraseChange(1, old, new), BCRYPT_COST_FLOOR, session)


def proof_of(person: TestPerson, binding: Binding = BINDING) -> c.DeviceProof:
    """The word of the person's device for a connection."""
    return proof_by(person, person.device, binding)


def proof_by(person: TestPerson, device: DeviceSecrets, binding: Binding = BINDING) -> c.DeviceProof:
    """The word of a device of this person."""
    payload = login_signature_payload(
        binding.server_id, person.user_id, device.device_id, binding.nonce, binding.leaf_hash
    )
    return c.DeviceProof(device.device_id, device.sign(payload), 1)


@contextmanager
def authenticating(directory: Path, *, tries: int = 5) -> Iterator[Authenticating]:
    """Everything, until the block ends."""
    opened = Opened(directory)
    try:
        with opened.reader() as reader:
            limits = LoginLimits(LoginRules(tries=tries), Rates())
            clocks = Clocks(lambda: opened.now, lambda: opened.now / 1000)
            yield Authenticating(opened, Authenticator(reader, limits, clocks, secrets.token_bytes), limits)
    finally:
        opened.store.close()
