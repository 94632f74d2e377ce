"""A peer of a later version fills every field and sends every kind: this version reads on and answers what it knows."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from secure_chat.client.direct.events import DirectHeard, MessageKind
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.directory.device_list import SignedDeviceList, check_first_contact
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.bodies import TextBody, parse_body
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.content import Content, Kind, ListView, Seen
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import initiate
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.e2ee.samples import BODIES, GROUP, SEEN
from tests.support.client_people import PASSPHRASE, TestClient, vault_of
from tests.support.installation import Installation, ServerProcess
from tests.support.people import TestPerson
from tests.support.wire_client import WireClient

OF_OWN_DEVICES = range(16, 32)
SILENT = (Kind.SESSION_CLOSE, Kind.ACK)
UNHEARD_OF = (12, 15, 32, 255)  # kinds that nobody has defined yet


class LaterPeer:
    """Somebody whose client knows more than ours, on the wire; a session with `other`'s device."""

    def __init__(self, wire: WireClient, person: TestPerson, other: TestPerson) -> None:
        self._wire, self._other = wire, other
        self._own = OwnParty.of(person.device_list, person.device)
        lists = wire.ask(c.DeviceListQuery(wire.next_id(), name=other.name))
        assert isinstance(lists, e.DeviceLists)
        accepted = check_first_contact(SignedDeviceList.parse(lists.lists[-1]), other.name)
        self._peer = Party.of(accepted, accepted.device_list.devices[0].device_id)
        claimed = wire.ask(c.PrekeysClaim(wire.next_id(), other.user_id, [self._peer.device_id]))
        assert isinstance(claimed, e.PrekeyBundles)
        (shown,) = claimed.bundles
        now_ms = int(time.time() * 1000)
        bundle = check_bundle(self._peer, self._own, shown.signed_prekey, shown.one_time, SeenPrekey(), now_ms)
        self._session: Session = initiate(
            self._own, self._peer, bundle, gen=now_ms // 1000, random=secrets.token_bytes, now_ms=now_ms
        )
        self._lists = ListView(1, person.device_list.digest, 1, accepted.digest)
        self._count = 0

    def content(self, kind: int, body: bytes, *, counted: bool = True) -> Content:
        """With everything that may stand in it."""
        self._count += counted
        first = not counted or self._count == 1
        return Content(
            kind=kind,
            msg_id=secrets.token_bytes(16),
            sent_at=int(time.time() * 1000),
            expire_s=3600,
            seq=self._count if counted else 0,
            prev=bytes(32) if first else secrets.token_bytes(32),
            lists=self._lists,
            sth_size=41,
            sth_root=secrets.token_bytes(32),
            seen=SEEN,
            orig_env=secrets.token_bytes(16),
            body=body,
        )

    def send(self, content: Content) -> None:
        """Until the server has it."""
        sealed = seal(self._session, 1, content, secrets.token_bytes, int(time.time() * 1000))
        self._session = sealed.session
        part = c.DirectPart(self._peer.device_id, envelope=sealed.envelope)
        reply = self._wire.ask(c.DirectSend(self._wire.next_id(), self._other.user_id, [part]))
        assert isinstance(reply, e.DirectAccepted)

    def text(self, text: str) -> None:
        """A text with everything beside it."""
        self.send(self.content(Kind.TEXT, TextBody(ref=secrets.token_bytes(16), text=text).encode()))

    def hear(self) -> Content:
        """The next content of the other."""
        said = self._wire.wait_for(e.DirectEnvelope)
        envelope = Envelope.parse(said.envelope)
        opened = open_envelope(self._session, envelope, int(time.time() * 1000))
        self._session = opened.session
        self._wire.ask(c.DirectAcknowledge(self._wire.next_id(), [envelope.env_id]))
        return opened.content


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    made = Installation(tmp_path_factory.mktemp("server"))
    made.seed(["alice", "later"])
    return made


@pytest.fixture(scope="module")
def server(installation: Installation) -> Iterator[ServerProcess]:
    with installation.start() as running:
        yield running


def test_nothing_of_a_later_version_breaks_this_one(
    installation: Installation, server: ServerProcess, tmp_path: Path
) -> None:
    assert server.pid
    alice_person, later_person = installation.people["alice"], installation.people["later"]
    vault_of(installation, alice_person, tmp_path / "vault").close()
    with (
        SealedVault(tmp_path / "vault") as sealed,
        TestClient(sealed.unlock(PASSPHRASE)) as alice,
        installation.connect_as("later") as wire,
    ):
        peer = LaterPeer(wire, later_person, alice_person)
        expected = send_everything(peer)
        heard = [alice.wait_for(DirectHeard).message for _ in expected]
        assert [(message.kind, message.text) for message in heard] == expected
        alice.core.message("later", "I read all of it")
        assert text_heard_by(peer) == "I read all of it"
        peer.text("and I you")
        assert alice.wait_for(DirectHeard).message.own
        assert alice.wait_for(DirectHeard).message.text == "and I you"


def send_everything(peer: LaterPeer) -> list[tuple[MessageKind, str]]:
    """Every kind with every field; what alice's screen is told, in order."""
    unknown = (MessageKind.UNKNOWN, "")
    peer.text("first")
    told = [(MessageKind.TEXT, "first")]
    for body, _ in BODIES:
        if body.kind is Kind.TEXT:
            continue
        counted = body.kind in (Kind.EDIT, Kind.DELETE, Kind.REACTION, Kind.ATTACHMENT, Kind.GROUP_CONTROL)
        if body.kind is not Kind.SESSION_CLOSE:  # nothing is sent after it
            peer.send(peer.content(body.kind, body.encode(), counted=counted))
            told += [] if body.kind in (*SILENT, *OF_OWN_DEVICES) else [unknown]
    for kind in UNHEARD_OF:
        peer.send(peer.content(kind, b"?" * 700, counted=False))
        told.append(unknown)
    peer.send(replace(peer.content(Kind.TEXT, TextBody(ref=None, text="to a group").encode()), group=GROUP))
    told.append(unknown)
    peer.send(
        replace(peer.content(Kind.TEXT, TextBody(ref=None, text="one seen").encode()), seen=(Seen(b"s" * 16, 1, 9),))
    )
    peer.text("last")
    return [*told, (MessageKind.TEXT, "one seen"), (MessageKind.TEXT, "last")]


def text_heard_by(peer: LaterPeer) -> str:
    """Acknowledgements may come before it."""
    while (content := peer.hear()).kind != Kind.TEXT:
        assert content.kind == Kind.ACK
    body = parse_body(content.kind, content.body)
    assert isinstance(body, TextBody)
    return body.text
