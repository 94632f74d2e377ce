"""A server puts its own keys in place of somebody's: seen by comparing, held as a key change, refused at a join."""

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from secure_chat.client.direct.events import (
    ContactsFound,
    ConversationFound,
    DirectAccepted,
    DirectHeard,
    DirectHeld,
    InviteReady,
    KeyIsChanged,
    SafetyNumber,
    Trust,
)
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, first_device_list, reset_device_list
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.link import parse_link
from tests.features.machine import Machine
from tests.support.client_people import PASSPHRASE, TestClient, vault_of
from tests.support.installation import Installation, ServerProcess
from tests.support.people import TestPerson
from tests.support.tls_recorder import Recorded, TlsRecorder

NAMES = ("alice", "bob", "carol", "dan", "erin", "frank")


@dataclass(slots=True)
class Liar:
    """Says, once it begins, that somebody's keys are its own; the frames of the honest server go through its hands."""

    victim: TestPerson
    lies: bool = False
    later: bool = False  # the victim's own list was shown before
    identity: IdentitySecret = field(default_factory=lambda: IdentitySecret.generate(secrets.token_bytes))
    device: DeviceSecrets = field(default_factory=lambda: DeviceSecrets.generate(secrets.token_bytes))
    told: int = 0
    first: bytes = b""  # a first list under the victim's name and user id
    next: bytes = b""  # one that goes on where the victim's ends

    def __post_init__(self) -> None:
        victim, now_ms = self.victim, int(time.time() * 1000)
        first = first_device_list(self.identity, self.device, victim.user_id, victim.name, now_ms)
        self.first = first.signed.encode()
        self.next = reset_device_list(self.identity, self.device, victim.device_list, now_ms).signed.encode()

    def forge(self, said: e.AnySaid) -> e.AnySaid:
        """What it says in place of that."""
        match said:
            case e.DeviceLists() if said.name == self.victim.name:
                return with_fields(said, lists=[self.next if self.later else self.first])
            case e.InviteFacts(inviter=e.Inviter() as inviter):
                return with_fields(said, inviter=with_fields(inviter, identity_key=self.identity.public_key.raw))
            case e.DirectAccepted():
                return e.DevicesStale(said.id, self.victim.user_id, [self.next])
        return said

    def __call__(self, recorded: Recorded) -> bytes:
        """A frame on its way."""
        if recorded.to_server or not self.lies:
            return recorded.body
        said = decode_said(recorded.body)
        forged = self.forge(said)
        self.told += forged is not said
        return recorded.body if forged is said else encode(forged)[4:]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(NAMES)
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


def client(installation: Installation, name: str, directory: Path, port: int) -> TestClient:
    """A person whose connection goes to that port."""
    vault_of(installation, installation.people[name], directory, port=port).close()
    with SealedVault(directory) as sealed:
        return TestClient(sealed.unlock(PASSPHRASE))


def test_keys_swapped_at_first_contact_show_when_the_numbers_are_compared(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    liar = Liar(installation.people["bob"], lies=True)
    with (
        TlsRecorder(installation, server.port, liar) as recorder,
        client(installation, "alice", tmp_path / "alice", recorder.port) as alice,
        client(installation, "bob", tmp_path / "bob", server.port) as bob,
    ):
        shown = alice.answer(alice.core.compare("bob"), SafetyNumber)
        assert liar.told > 0
        assert shown.digits != bob.answer(bob.core.compare("alice"), SafetyNumber).digits
        assert shown.state is Trust.UNVERIFIED


def test_s2_3_not_keys_swapped_unnoticed_what_is_written_then_is_held_and_none_of_it_sent(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    liar = Liar(installation.people["dan"], later=True)
    with (
        TlsRecorder(installation, server.port, liar) as recorder,
        client(installation, "carol", tmp_path / "carol", recorder.port) as carol,
        client(installation, "dan", tmp_path / "dan", server.port) as dan,
    ):
        carol.core.message("dan", "before")
        carol.wait_for(DirectAccepted)
        dan.wait_for(DirectHeard)
        liar.lies = True
        carol.core.message("dan", "after")
        assert carol.wait_for(DirectHeld).error.code == "key.changed"
        assert carol.wait_for(KeyIsChanged).peer == "dan"
        carol.core.message("dan", "and more")
        carol.wait_for(DirectHeld)
        (contact,) = carol.answer(carol.core.contacts(), ContactsFound).contacts
        assert (contact.state, contact.held) == (Trust.CHANGED, 2)
        shown = carol.answer(carol.core.conversation("dan"), ConversationFound).messages
        assert [message.text for message in shown] == ["before"]


def test_a_join_under_a_verified_invite_whose_inviter_was_swapped_is_refused(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    liar = Liar(installation.people["erin"], lies=True)
    with (
        TlsRecorder(installation, server.port, liar) as recorder,
        client(installation, "erin", tmp_path / "erin", server.port) as erin,
    ):
        link = erin.answer(erin.core.invite(), InviteReady).link
        behind = replace(parse_link(link), port=recorder.port).format()
        guest = Machine(tmp_path / "guest")
        joined = guest.join(behind, "gina")
        assert joined.returncode == ExitCode.PERMISSION
        assert "[invite.proof]" in joined.stderr
        assert liar.told > 0
        sent = b"".join(recorder.bodies(to_server=True))
        assert b"register" not in sent
        assert guest.join(link, "gina").returncode == ExitCode.OK
