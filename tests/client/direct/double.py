"""Somebody who speaks the protocol with every field and as many devices as a test wants, honest or not.

Written on `secure_chat.e2ee` alone: no vault, no rules about when to do what.
"""

import dataclasses
import os
import secrets
from dataclasses import dataclass, field
from typing import Any, Protocol

from secure_chat.client.vault.enrolment import NewVault
from secure_chat.directory.device_list import AcceptedDeviceList, DeviceList, SignedDeviceList
from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee import choice
from secure_chat.e2ee.bodies import AckBody, TextBody
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.content import COUNTED, Content, Kind, ListView, core_hash
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, generate_user_id
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import accept, initiate
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from tests.client.direct.talkers import Scene
from tests.support.post_office import Key


class Addressee(Protocol):
    """Whom a double can write to."""

    @property
    def key(self) -> Key:
        """User and device."""

    @property
    def new(self) -> NewVault:
        """The account as it was registered."""


@dataclass(slots=True)
class DoubleDevice:
    """One of the double's devices."""

    secrets: DeviceSecrets
    prekey: SignedPrekeySecret
    session: Session | None = None  # that it sends on
    older: dict[bytes, Session] = field(default_factory=dict)  # by tag
    seq: int = 0
    prev: bytes = bytes(32)
    generation: int = 0


@dataclass(slots=True)
class Double:
    """A person of a later version, or a liar."""

    scene: Scene
    name: str
    identity: IdentitySecret = field(default_factory=lambda: IdentitySecret.generate(os.urandom))
    user_id: UserId = field(default_factory=lambda: generate_user_id(os.urandom))
    devices: list[DoubleDevice] = field(default_factory=list)
    lists: list[AcceptedDeviceList] = field(default_factory=list)

    # --- keys ------------------------------------------------------------------------------------

    def register(self, devices: int = 1, *, number: int = 0) -> "Double":
        """An account with so many devices; `number`: of the only one."""
        self.devices = sorted(
            (self._new_device(number) for _ in range(devices)), key=lambda each: each.secrets.device_id
        )
        signed = self.signed_list()
        prekeys = {each.secrets.device_id: each.prekey.published.encode() for each in self.devices}
        self.scene.office.add(self.user_id, self.name, signed.encode(), prekeys)
        self._accept(signed)
        return self

    def signed_list(self, **changes: Any) -> SignedDeviceList:
        """The next version of the list, with the present devices, or with `changes`."""
        before = self.lists[-1] if self.lists else None
        now = self.scene.clock.now_ms()
        entries = tuple(each.secrets.entry(self.user_id, self.identity.public_key, now) for each in self.devices)
        device_list = DeviceList(
            self.user_id,
            self.name,
            self.identity.public_key,
            1 if before is None else before.device_list.version + 1,
            bytes(32) if before is None else before.digest,
            now,
            entries,
        )
        return self.identity.sign(dataclasses.replace(device_list, **changes))

    def publish_list(self) -> None:
        """A new version with the present devices."""
        self.devices.sort(key=lambda each: each.secrets.device_id)
        signed = self.signed_list()
        self.scene.office.add_list(self.user_id, signed.encode())
        for device in self.devices:
            self.scene.office.put_signed(self.key(device), device.prekey.published.encode())
        self._accept(signed)

    def add_device(self) -> DoubleDevice:
        """One more device, in a new version of the list."""
        self.devices.append(self._new_device())
        added = self.devices[-1]
        self.publish_list()
        return added

    def remove_device(self, device: DoubleDevice) -> None:
        """A new version without it."""
        self.devices.remove(device)
        self.publish_list()

    def reset_identity(self, devices: int = 1) -> None:
        """A new identity with new devices: a key change for everybody."""
        self.identity = IdentitySecret.generate(os.urandom)
        self.devices = [self._new_device() for _ in range(devices)]
        self.publish_list()

    def key(self, device: DoubleDevice) -> Key:
        return self.user_id, device.secrets.device_id

    def _new_device(self, number: int = 0) -> DoubleDevice:
        made = DeviceSecrets.generate(os.urandom)
        made = dataclasses.replace(made, device_id=DeviceId(number or made.device_id))
        prekey = SignedPrekeySecret.generate(made, self.user_id, os.urandom, self.scene.clock.now_ms())
        return DoubleDevice(made, prekey)

    def _accept(self, signed: SignedDeviceList) -> None:
        self.lists.append(AcceptedDeviceList.from_own_store(signed.encode()))

    def party(self, device: DoubleDevice) -> OwnParty:
        return OwnParty.of(self.lists[-1], device.secrets)

    # --- sending ---------------------------------------------------------------------------------

    def content(self, device: DoubleDevice, to: Addressee, kind: int, body: bytes, **changes: Any) -> Content:
        """The next message of a device to somebody."""
        peer = AcceptedDeviceList.from_own_store(to.new.device.signed_device_list)
        own = self.lists[-1]
        view = ListView(own.device_list.version, own.digest, peer.device_list.version, peer.digest)
        counted = kind in COUNTED
        fields: dict[str, Any] = {
            "kind": kind,
            "msg_id": secrets.token_bytes(16),
            "sent_at": self.scene.clock.now_ms(),
            "seq": device.seq + 1 if counted else 0,
            "prev": device.prev if counted else bytes(32),
            "lists": view,
            "body": body,
        }
        return Content(**{**fields, **changes})

    def begin(self, device: DoubleDevice, to: Addressee, *, is_reset: bool = True) -> None:
        """A new session, whatever there is."""
        [bundles] = self.scene.office.decide(self.key(device), c.PrekeysClaim(1, to.key[0], [to.key[1]]))
        assert isinstance(bundles, e.PrekeyBundles)
        peer = Party.of(to.new.device.device_list, DeviceId(to.key[1]))
        [bundle] = bundles.bundles
        now = self.scene.clock.now_ms()
        checked = check_bundle(peer, self.party(device), bundle.signed_prekey, bundle.one_time, SeenPrekey(), now)
        device.generation = choice.next_generation(device.generation, now // 1000)
        device.session = initiate(
            self.party(device), peer, checked, gen=device.generation, random=os.urandom, now_ms=now, is_reset=is_reset
        )

    def sealed(
        self, device: DoubleDevice, to: Addressee, kind: int = Kind.ACK, body: bytes = b"", **changes: Any
    ) -> bytes:
        """An envelope with that content, not sent yet."""
        if device.session is None:
            self.begin(device, to)
        assert device.session is not None
        content = self.content(device, to, kind, body, **changes)
        version = self.lists[-1].device_list.version
        made = seal(device.session, version, content, os.urandom, self.scene.clock.now_ms())
        device.session = made.session
        if kind in COUNTED:
            device.seq, device.prev = content.seq, core_hash(content)
        return made.envelope

    def send(self, to: Addressee, kind: int = Kind.ACK, body: bytes = b"", **changes: Any) -> bytes:
        """From the first device; the envelope, which is in the mailbox."""
        device = self.devices[0]
        envelope = self.sealed(device, to, kind, body, **changes)
        self.scene.office.put(to.key, envelope, self.key(device))
        return envelope

    def say(self, to: Addressee, text: str, **changes: Any) -> bytes:
        """A text from the first device; everything is settled then."""
        envelope = self.send(to, Kind.TEXT, TextBody(ref=None, text=text).encode(), **changes)
        self.scene.settle()
        return envelope

    # --- receiving -------------------------------------------------------------------------------

    def read(self, device: DoubleDevice | None = None) -> list[Content]:
        """Open and take what is in a device's mailbox, by default the first one's."""
        device = device or self.devices[0]
        letters = self.scene.office.mailboxes.pop(self.key(device), [])
        return [self.open(device, letter.frame.envelope) for letter in letters]

    def texts(self, device: DoubleDevice | None = None) -> list[str]:
        """The texts in a device's mailbox."""
        contents = self.read(device)
        return [TextBody.parse(content.body).text for content in contents if content.kind == Kind.TEXT]

    def open(self, device: DoubleDevice, data: bytes) -> Content:
        """Open one envelope on the session that it names."""
        envelope, now = Envelope.parse(data), self.scene.clock.now_ms()
        if device.session is not None:
            device.older[device.session.sid8] = device.session
        session = device.older.get(envelope.sid8)
        if session is None:
            sender = self.scene.office.accounts[envelope.sender.user_id].newest
            peer = Party.of(sender, DeviceId(envelope.sender.device_id))
            session = accept(self.party(device), peer, envelope, device.prekey, None, now)
        opened = open_envelope(session, envelope, now)
        device.session = opened.session
        device.generation = max(device.generation, session.gen)
        return opened.content


def ack() -> bytes:
    """The body of an ack."""
    return AckBody().encode()
