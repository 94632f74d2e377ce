"""PROTOCOL.md part two is enough: a device written from it alone and ours understand each other, in both directions."""

import random
import secrets
import time
from typing import Final

import pytest

from secure_chat.directory.device_list import AcceptedDeviceList, SignedDeviceList, check_first_contact
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.bodies import TextBody, parse_body
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.content import Content, Kind, ListView, core_hash
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.padding import pad, unpad
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret
from secure_chat.e2ee.safety_number import FingerprintParty, check_qr, qr_payload, safety_number
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import accept, initiate
from tests import independent_device as stranger
from tests.support.people import TestPerson, make_person

LISTS: Final = ListView(1, b"\x01" * 32, 1, b"\x02" * 32)
SERVER_ID: Final = bytes(range(32))
ROUNDS: Final = 12


def now_ms() -> int:
    return int(time.time() * 1000)


class Ours:
    """Our side of one session; what is not the session itself is as the test needs it."""

    def __init__(self, person: TestPerson, them: stranger.Device) -> None:
        accepted = check_first_contact(SignedDeviceList.parse(them.device_list()), them.name)
        self.own = OwnParty.of(person.device_list, person.device)
        self.peer = Party.of(accepted, accepted.device_list.devices[0].device_id)
        self.session: Session | None = None
        self.count, self.prev = 0, bytes(32)

    def initiate(self, them: stranger.Device, *, with_once: bool) -> None:
        once = them.one_time_prekey() if with_once else b""
        bundle = check_bundle(self.peer, self.own, them.signed_prekey(), once, SeenPrekey(), now_ms())
        gen = now_ms() // 1000
        self.session = initiate(self.own, self.peer, bundle, gen=gen, random=secrets.token_bytes, now_ms=now_ms())

    def seal(self, said: str) -> bytes:
        assert self.session is not None
        self.count += 1
        content = Content(
            kind=Kind.TEXT,
            msg_id=secrets.token_bytes(16),
            sent_at=now_ms(),
            seq=self.count,
            prev=self.prev,
            lists=LISTS,
            body=TextBody(ref=None, text=said).encode(),
        )
        self.prev = core_hash(content)
        sealed = seal(self.session, 1, content, secrets.token_bytes, now_ms())
        self.session = sealed.session
        return sealed.envelope

    def open(self, envelope: bytes) -> str:
        assert self.session is not None
        opened = open_envelope(self.session, Envelope.parse(envelope), now_ms())
        self.session = opened.session
        body = parse_body(opened.content.kind, opened.content.body)
        assert isinstance(body, TextBody)
        return body.text


class Theirs:
    """The stranger's side."""

    def __init__(self, device: stranger.Device, person: TestPerson) -> None:
        self.device = device
        self.peer = stranger.Peer.of(person.device_list.signed.encode())
        self.session: stranger.Session | None = None
        self.count, self.prev = 0, bytes(32)

    def seal(self, said: str) -> bytes:
        assert self.session is not None
        self.count += 1
        lists = stranger.big(1, 4) + b"\x01" * 32 + stranger.big(1, 4) + b"\x02" * 32
        content, self.prev = stranger.text_content(said, self.count, self.prev, lists)
        return self.session.seal(content)

    def open(self, envelope: bytes) -> str:
        assert self.session is not None
        return self.session.open(envelope)[182 + 16 :].decode()


def talk(ours: Ours, theirs: Theirs, seed: int) -> None:
    """Everybody writes several at a time; they arrive in any order, some of them a turn late."""
    order = random.Random(seed)
    late: list[tuple[bytes, str]] = []
    for number in range(ROUNDS):
        writer: Ours | Theirs = theirs if number % 2 else ours
        reader: Ours | Theirs = ours if number % 2 else theirs
        said = [f"{number}.{part} " + "x" * order.randrange(900) for part in range(order.randrange(1, 4))]
        sealed = [(writer.seal(each), each) for each in said]
        order.shuffle(sealed)
        if number + 2 < ROUNDS and len(sealed) > 1:
            late.append(sealed.pop())
        for envelope, each in sealed:
            assert reader.open(envelope) == each
    for envelope, each in late:
        sender_is_ours = envelope[19:35] == ours.own.public.user_id
        assert (theirs if sender_is_ours else ours).open(envelope) == each


@pytest.mark.parametrize("with_once", [True, False], ids=["one-time prekey", "signed prekey alone"])
def test_a_strangers_device_opens_a_session_with_ours_and_both_talk(with_once: bool) -> None:
    person, device = make_person("alice"), stranger.Device("bob")
    ours, theirs = Ours(person, device), Theirs(device, person)
    one_time = OneTimePrekeySecret.generate(person.device, person.user_id, secrets.token_bytes)
    once = one_time.published.encode() if with_once else b""
    signed = person.signed_prekey.published.encode()
    theirs.session = stranger.Session.initiate(device, theirs.peer, signed, once)
    first = theirs.seal("good evening")
    secret = one_time if with_once else None
    ours.session = accept(ours.own, ours.peer, Envelope.parse(first), person.signed_prekey, secret, now_ms())
    assert ours.open(first) == "good evening"
    talk(ours, theirs, seed=1)


@pytest.mark.parametrize("with_once", [True, False], ids=["one-time prekey", "signed prekey alone"])
def test_our_device_opens_a_session_with_a_strangers_and_both_talk(with_once: bool) -> None:
    person, device = make_person("alice"), stranger.Device("bob")
    ours, theirs = Ours(person, device), Theirs(device, person)
    ours.initiate(device, with_once=with_once)
    first, second = ours.seal("good evening"), ours.seal("are you there?")
    theirs.session = stranger.Session.accept(device, theirs.peer, second)
    assert theirs.open(second) == "are you there?"
    assert theirs.open(first) == "good evening"
    talk(ours, theirs, seed=2)


def test_both_number_and_chain_their_messages_alike() -> None:
    lists = stranger.big(1, 4) + b"\x01" * 32 + stranger.big(1, 4) + b"\x02" * 32
    written, prev = stranger.text_content("one", 1, bytes(32), lists)
    content = Content.parse(written)
    assert content.encode() == written
    assert content.lists == LISTS
    assert core_hash(content) == prev
    following, _ = stranger.text_content("two", 2, prev, lists)
    assert Content.parse(following).prev == prev


def test_both_pad_to_the_same_sizes() -> None:
    for length in [*range(3200), *range(3200, 16_384, 7), 16_383]:
        assert len(pad(bytes(length))) == stranger.padded_size(length + 1)
    assert unpad(stranger.pad(b"a\x80\0")) == b"a\x80\0"
    assert stranger.unpad(pad(b"a\x80\0")) == b"a\x80\0"


def test_both_show_the_same_safety_number_and_code() -> None:
    person, device = make_person("alice"), stranger.Device("bob")
    accepted: AcceptedDeviceList = check_first_contact(SignedDeviceList.parse(device.device_list()), "bob")
    alice = FingerprintParty(person.user_id, "alice", person.device_list.device_list.identity_key)
    bob = FingerprintParty(accepted.device_list.user_id, "bob", accepted.device_list.identity_key)
    identity = person.device_list.device_list.identity_key.raw
    alices = stranger.fingerprint(person.user_id, "alice", identity, SERVER_ID)
    bobs = stranger.fingerprint(device.public.user_id, "bob", device.public.identity, SERVER_ID)
    assert safety_number(alice, bob, SERVER_ID).replace(" ", "") == stranger.safety_number(bobs, alices)
    assert qr_payload(alice, bob, SERVER_ID) == b"\x01" + alices[:32] + bobs[:32] + bytes(40)
    check_qr(b"\x01" + bobs[:32] + alices[:32] + bytes(40), alice, bob, SERVER_ID)
