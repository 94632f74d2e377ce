"""What end-to-end encryption costs a client: a message on one chain, beside vodozemac's, and a session's set-up."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import vodozemac

from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.bodies import TextBody
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.content import Content, Kind, ListView
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret, first_device_list, generate_user_id
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.parties import OwnParty
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import accept, initiate

TEXT: Final = "a message of two hundred and fifty-six bytes, as people write them; ".ljust(256, "x")
MESSAGES: Final = 400  # of one chain, which ends after 500
ROUNDS: Final = 5
SETUPS: Final = 200


@dataclass(frozen=True, slots=True)
class EncryptionTimes:
    """Medians, in microseconds."""

    message: float  # encrypt and decrypt on one chain
    vodozemac_message: float  # the same by vodozemac, in turns with ours
    setup: float  # both sides, the bundle's signatures and the first message included


class Person:
    """One device with its prekeys."""

    def __init__(self, name: str) -> None:
        secret = DeviceSecrets.generate(os.urandom)
        identity = IdentitySecret.generate(os.urandom)
        user_id, now = generate_user_id(os.urandom), now_ms()
        self.accepted: AcceptedDeviceList = first_device_list(identity, secret, user_id, name, now)
        self.own = OwnParty.of(self.accepted, secret)
        self.signed = SignedPrekeySecret.generate(secret, user_id, os.urandom, now)
        self.once = OneTimePrekeySecret.generate(secret, user_id, os.urandom)


def now_ms() -> int:
    """Milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


def message_of(own: Person, peer: Person) -> Content:
    """A text of 256 bytes with all that goes with it."""
    return Content(
        kind=Kind.TEXT,
        msg_id=os.urandom(16),
        sent_at=now_ms(),
        seq=1,
        lists=ListView(1, own.accepted.digest, 1, peer.accepted.digest),
        body=TextBody(ref=None, text=TEXT).encode(),
    )


def set_up(alice: Person, bob: Person, content: Content, now: int) -> tuple[Session, Session]:
    """A session on both sides, from the bundle as the server shows it to the opened first message."""
    signed, once = bob.signed.published.encode(), bob.once.published.encode()
    bundle = check_bundle(bob.own.public, alice.own, signed, once, SeenPrekey(), now)
    session = initiate(alice.own, bob.own.public, bundle, gen=now // 1000, random=os.urandom, now_ms=now)
    sealed = seal(session, 1, content, os.urandom, now)
    envelope = Envelope.parse(sealed.envelope)
    accepted = accept(bob.own, alice.own.public, envelope, bob.signed, bob.once, now)
    return sealed.session, open_envelope(accepted, envelope, now).session


def measure_encryption() -> EncryptionTimes:
    """All figures, the two kinds of messages in turns so that both have the same luck with the machine."""
    alice, bob = Person("alice"), Person("bob")
    content, now = message_of(alice, bob), now_ms()
    ours: list[float] = []
    theirs: list[float] = []
    with no_collection():
        for _ in range(ROUNDS):
            send_ours, send_theirs = our_chain(alice, bob, content, now), their_chain()
            for _ in range(MESSAGES):
                ours.append(seconds(send_ours))
                theirs.append(seconds(send_theirs))
        setups = [seconds(lambda: set_up(alice, bob, content, now)) for _ in range(SETUPS)]
    return EncryptionTimes(*(statistics.median(times) * 1e6 for times in (ours, theirs, setups)))


def our_chain(alice: Person, bob: Person, content: Content, now: int) -> Callable[[], None]:
    """Sends one message from Bob to Alice each time, on a session whose chains have turned."""
    alices, bobs = set_up(alice, bob, content, now)
    answer = seal(bobs, 1, content, os.urandom, now)
    bobs, alices = answer.session, open_envelope(alices, Envelope.parse(answer.envelope), now).session

    def send() -> None:
        nonlocal alices, bobs
        sealed = seal(bobs, 1, content, os.urandom, now)
        bobs = sealed.session
        alices = open_envelope(alices, Envelope.parse(sealed.envelope), now).session

    return send


def their_chain() -> Callable[[], None]:
    """The same by vodozemac, from text to bytes and back, as ours."""
    alice, bob = vodozemac.Account(), vodozemac.Account()
    bob.generate_one_time_keys(1)
    alices = alice.create_outbound_session(bob.curve25519_key, next(iter(bob.one_time_keys.values())))
    first = alices.encrypt(TEXT.encode()).to_pre_key()
    if first is None:
        raise RuntimeError("the first message of a session is one of a set-up")
    bobs, _ = bob.create_inbound_session(alice.curve25519_key, first)
    alices.decrypt(bobs.encrypt(TEXT.encode()))
    plaintext = TEXT.encode()

    def send() -> None:
        number, wire = bobs.encrypt(plaintext).to_parts()
        alices.decrypt(vodozemac.AnyOlmMessage.from_parts(number, wire))

    return send


def seconds(work: Callable[[], object]) -> float:
    """How long one piece of work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def no_collection() -> Iterator[None]:
    """Without the collector's pauses."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
