"""Devices that talk in memory: keys from fixed seeds, a chosen clock, and envelopes handed over by the test."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec.structs import replace

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.bundles import Bundle, check_bundle
from secure_chat.e2ee.content import Content, Kind, ListView
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, Randomness, first_device_list
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import Opened, Sealed, open_envelope, seal
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import accept, initiate

NOW = 1_790_000_000_000  # milliseconds
GEN = NOW // 1000
DAY = 24 * 60 * 60 * 1000


def drawn(label: str, length: int) -> bytes:
    """Bytes that look random and are the same in every run."""
    return hashlib.shake_256(label.encode()).digest(length)


def drawing(label: str) -> Randomness:
    """A source that gives other bytes each time, and the same in every run."""
    count = 0

    def draw(length: int) -> bytes:
        nonlocal count
        count += 1
        return drawn(f"{label} {count}", length)

    return draw


@dataclass
class Side:
    """A person with one device."""

    name: str
    random: Randomness = field(init=False)
    accepted: AcceptedDeviceList = field(init=False)
    own: OwnParty = field(init=False)
    signed: SignedPrekeySecret = field(init=False)
    once: OneTimePrekeySecret = field(init=False)

    def __post_init__(self) -> None:
        self.random = drawing(self.name)
        identity = IdentitySecret(drawn(f"{self.name} identity", 32))
        number = int.from_bytes(drawn(f"{self.name} device", 2), "big")
        secrets = DeviceSecrets(DeviceId(number), drawn(f"{self.name} signing", 32), drawn(f"{self.name} dh", 32))
        user_id = UserId(drawn(f"{self.name} user", 16))
        self.accepted = first_device_list(identity, secrets, user_id, self.name, NOW)
        self.own = OwnParty.of(self.accepted, secrets)
        self.signed = SignedPrekeySecret.generate(secrets, user_id, self.random, NOW)
        self.once = OneTimePrekeySecret.generate(secrets, user_id, self.random)

    @property
    def party(self) -> Party:
        """What others see."""
        return self.own.public

    def bundle_for(self, other: "Side", *, with_once: bool = True) -> Bundle:
        """What the server would show of this device, checked by the other side."""
        once = self.once.published.encode() if with_once else b""
        return check_bundle(self.party, other.own, self.signed.published.encode(), once, SeenPrekey(), NOW)

    def begins(
        self,
        other: "Side",
        *,
        gen: int = GEN,
        with_once: bool = True,
        is_reset: bool = False,
        encapsulation: Callable[[bytes], tuple[bytes, bytes]] | None = None,
    ) -> Session:
        """A new session to the other side."""
        bundle = other.bundle_for(self, with_once=with_once)
        if encapsulation is None:
            return initiate(self.own, other.party, bundle, gen=gen, random=self.random, now_ms=NOW, is_reset=is_reset)
        return initiate(
            self.own,
            other.party,
            bundle,
            gen=gen,
            random=self.random,
            now_ms=NOW,
            is_reset=is_reset,
            encapsulation=encapsulation,
        )

    def accepts(self, envelope: bytes, other: "Side", now_ms: int = NOW) -> Opened:
        """The first message of a session that the other side began."""
        parsed = Envelope.parse(envelope)
        once = self.once if parsed.init is not None and parsed.init.otp_id is not None else None
        return open_envelope(accept(self.own, other.party, parsed, self.signed, once, now_ms), parsed, now_ms)


def lists(own: Side, peer: Side) -> ListView:
    """Both at version 1."""
    return ListView(1, own.accepted.digest, 1, peer.accepted.digest)


def text(own: Side, peer: Side, words: str = "hello", *, msg_id: bytes = b"m" * 16) -> Content:
    """The first text of a conversation."""
    body = TextBody(ref=None, text=words).encode()
    return Content(kind=Kind.TEXT, msg_id=msg_id, sent_at=NOW, seq=1, lists=lists(own, peer), body=body)


class Talk:
    """Two sessions that belong together, and what was sent on them."""

    def __init__(
        self, *, answered: bool = True, with_once: bool = True, names: tuple[str, str] = ("alice", "bob")
    ) -> None:
        self.alice, self.bob = Side(names[0]), Side(names[1])
        self.now = NOW
        self.alices = self.alice.begins(self.bob, with_once=with_once)
        self.first = self.alice_sends("first")
        opened = self.bob.accepts(self.first, self.alice)
        self.bobs = opened.session
        self.first_content = opened.content
        if answered:
            assert self.alice_reads(self.bob_sends("answer")) == "answer"

    def alice_sends(self, words: str) -> bytes:
        sealed = self.seal(self.alices, self.alice, self.bob, words)
        self.alices = sealed.session
        return sealed.envelope

    def bob_sends(self, words: str) -> bytes:
        sealed = self.seal(self.bobs, self.bob, self.alice, words)
        self.bobs = sealed.session
        return sealed.envelope

    def bob_reads(self, envelope: bytes) -> str:
        opened = open_envelope(self.bobs, Envelope.parse(envelope), self.now)
        self.bobs = opened.session
        return words_of(opened.content)

    def alice_reads(self, envelope: bytes) -> str:
        opened = open_envelope(self.alices, Envelope.parse(envelope), self.now)
        self.alices = opened.session
        return words_of(opened.content)

    def seal(self, session: Session, own: Side, peer: Side, words: str) -> Sealed:
        return seal(session, 1, text(own, peer, words), own.random, self.now)

    def with_chain_at(self, sent: int) -> None:
        """As if Alice had sent so many messages on her chain that Bob has all received."""
        sending = self.alices.sending
        assert sending is not None
        self.alices = replace(self.alices, sending=replace(sending, next_n=sent))


def words_of(content: Content) -> str:
    """The text of a content."""
    return TextBody.parse(content.body).text


def flipped(data: bytes, bit: int) -> bytes:
    """`data` with one bit the other way."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)
