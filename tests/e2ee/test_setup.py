"""The beginning of a session: both sides agree on everything that either believes, or there is no session."""

import hashlib
from collections.abc import Callable
from dataclasses import replace as changed
from functools import partial

import pytest
from msgspec.structs import replace

from secure_chat.directory.device_list import DeviceList, check_first_contact
from secure_chat.directory.keys import DeviceDhKey, DeviceId, DeviceSigningKey, IdentityPublicKey, UserId
from secure_chat.directory.prekeys import PrekeyDhKey
from secure_chat.e2ee.bundles import Bundle
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import open_envelope, seal
from secure_chat.e2ee.ml_kem import decapsulate, encapsulate
from secure_chat.e2ee.parties import OwnParty, Party
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.e2ee.setup import accept, check_generation, initiate, transcript
from secure_chat.encoding import tag
from secure_chat.errors import (
    ChatError,
    EncodingError,
    KeyWorthless,
    MessageUnreadable,
    OwnKeyInUse,
    PrekeyGone,
    SessionAhead,
    SessionMismatch,
    SessionUnknown,
)
from tests.e2ee.pair import GEN, NOW, Side, Talk, drawing, drawn, flipped, text

LOW_ORDER = (bytes(32), b"\x01" + bytes(31), bytes(31) + b"\x80")


@pytest.mark.parametrize("with_once", [True, False])
def test_both_sides_come_to_the_same_session(with_once: bool) -> None:
    talk = Talk(with_once=with_once)
    assert talk.alices.sid == talk.bobs.sid
    assert talk.alices.transcript_hash == talk.bobs.transcript_hash
    assert talk.alices.gen == talk.bobs.gen == GEN
    init = Envelope.parse(talk.first).init
    assert init is not None
    assert init.otp_id == (talk.bob.once.published.prekey.prekey_id if with_once else None)
    assert (talk.alices.is_initiator, talk.bobs.is_initiator) == (True, False)
    assert (talk.alices.peer_identity, talk.bobs.peer_identity) == (
        talk.bob.party.identity_key.raw,
        talk.alice.party.identity_key.raw,
    )


def test_two_sessions_have_nothing_in_common() -> None:
    alice, bob = Side("alice"), Side("bob")
    one, other = alice.begins(bob), alice.begins(bob)
    assert one.sid != other.sid
    assert one.root_key != other.root_key


@pytest.mark.parametrize(("with_once", "length"), [(True, 3806), (False, 2582)])
def test_the_transcript_is_as_long_as_it_says_and_hashed_under_its_tag(with_once: bool, length: int) -> None:
    alice, bob = Side("alice"), Side("bob")
    session = alice.begins(bob, with_once=with_once)
    init = session.init
    assert init is not None
    bundle = bob.bundle_for(alice, with_once=with_once)
    written = transcript(alice.party, bob.party, bundle.signed, bundle.one_time, init)
    assert len(written) == length
    assert session.transcript_hash == hashlib.sha256(tag("th") + written).digest()


def another(party: Party, what: str) -> Party:
    """The same device with one fact different."""
    different: dict[str, Callable[[], Party]] = {
        "user": lambda: changed(party, user_id=UserId(drawn("x", 16))),
        "identity key": lambda: changed(party, identity_key=IdentityPublicKey(drawn("x", 32))),
        "device": lambda: changed(party, device_id=DeviceId(party.device_id + 1)),
        "signing key": lambda: changed(party, signing_key=DeviceSigningKey(drawn("x", 32))),
        "dh key": lambda: changed(party, dh_key=DeviceDhKey(drawn("x", 32))),
    }
    return different[what]()


FACTS = ("user", "identity key", "device", "signing key", "dh key")


@pytest.mark.negative(9)
@pytest.mark.negative(11)
@pytest.mark.parametrize("what", FACTS)
@pytest.mark.parametrize("whose", ["initiator", "responder"])
def test_a_side_that_believes_anything_else_of_the_other_or_itself_gets_no_session(what: str, whose: str) -> None:
    alice, bob = Side("alice"), Side("bob")
    envelope = Envelope.parse(seal(alice.begins(bob), 1, text(alice, bob), alice.random, NOW).envelope)
    own, peer = bob.own, alice.party
    if whose == "initiator":
        peer = another(peer, what)
        envelope = replace(envelope, sender=peer.address)
    else:
        own = OwnParty(another(own.public, what), own.secrets)
        envelope = replace(envelope, recipient=own.public.address)
    with pytest.raises(SessionMismatch):
        accept(own, peer, envelope, bob.signed, bob.once, NOW)


@pytest.mark.negative(11)
def test_an_init_for_another_device_or_from_another_than_it_names_is_refused() -> None:
    alice, bob, carol = Side("alice"), Side("bob"), Side("carol")
    envelope = Envelope.parse(seal(alice.begins(bob), 1, text(alice, bob), alice.random, NOW).envelope)
    with pytest.raises(SessionMismatch):
        accept(carol.own, alice.party, envelope, bob.signed, bob.once, NOW)
    with pytest.raises(SessionMismatch):
        accept(bob.own, carol.party, envelope, bob.signed, bob.once, NOW)


@pytest.mark.negative(9)
def test_a_device_with_anothers_dh_key_completes_no_session_and_its_victim_refuses_it() -> None:
    """Mallory lists Bob's DDH as his own. The server refuses this list; here it does not."""
    mallory, bob, alice = Side("mallory"), Side("bob"), Side("alice")
    stolen = changed(mallory.party, dh_key=bob.party.dh_key)
    false = OwnParty(stolen, mallory.own.secrets)
    with pytest.raises(OwnKeyInUse):
        initiate(bob.own, stolen, mallory.bundle_for(alice), gen=GEN, random=bob.random, now_ms=NOW)
    to_bob = initiate(mallory.own, bob.party, bob.bundle_for(mallory), gen=GEN, random=mallory.random, now_ms=NOW)
    envelope = Envelope.parse(seal(to_bob, 1, text(mallory, bob), mallory.random, NOW).envelope)
    with pytest.raises(OwnKeyInUse):
        accept(bob.own, stolen, envelope, bob.signed, bob.once, NOW)
    to_alice = initiate(false, alice.party, alice.bundle_for(mallory), gen=GEN, random=mallory.random, now_ms=NOW)
    envelope = Envelope.parse(seal(to_alice, 1, text(mallory, alice), mallory.random, NOW).envelope)
    with pytest.raises(SessionMismatch):
        accept(alice.own, stolen, envelope, alice.signed, alice.once, NOW)
    from_alice = initiate(alice.own, stolen, mallory.bundle_for(alice), gen=GEN, random=alice.random, now_ms=NOW)
    envelope = Envelope.parse(seal(from_alice, 1, text(alice, mallory), alice.random, NOW).envelope)
    with pytest.raises(SessionMismatch):
        accept(false, alice.party, envelope, mallory.signed, mallory.once, NOW)


@pytest.mark.negative(1)
@pytest.mark.parametrize("worthless", LOW_ORDER)
def test_an_ephemeral_key_of_low_order_is_refused(worthless: bytes) -> None:
    alice, bob = Side("alice"), Side("bob")
    envelope = Envelope.parse(seal(alice.begins(bob), 1, text(alice, bob), alice.random, NOW).envelope)
    assert envelope.init is not None
    envelope = replace(envelope, init=replace(envelope.init, ek=worthless))
    with pytest.raises(KeyWorthless):
        accept(bob.own, alice.party, envelope, bob.signed, bob.once, NOW)


@pytest.mark.negative(1)
@pytest.mark.parametrize("worthless", LOW_ORDER)
def test_prekeys_and_device_keys_of_low_order_cannot_even_be_written_down(worthless: bytes) -> None:
    for kind in (PrekeyDhKey, DeviceDhKey):
        with pytest.raises(EncodingError):
            kind(worthless)


def sealed_as(secret: bytes, ciphertext: bytes, _public: bytes) -> tuple[bytes, bytes]:
    """An encapsulation whose outcome was chosen."""
    return secret, ciphertext


@pytest.mark.negative(5)
def test_a_secret_encapsulated_to_another_key_makes_another_session() -> None:
    """The KEM's ciphertext is in the transcript: the same secret under another ciphertext is another root key."""
    alice, bob = Side("alice"), Side("bob")
    one, other = (
        encapsulate(bob.once.published.prekey.kem_key.raw),
        encapsulate(Side("carol").once.published.prekey.kem_key.raw),
    )
    sessions = [
        initiate(
            alice.own,
            bob.party,
            bob.bundle_for(alice),
            gen=GEN,
            random=drawing("the same"),
            now_ms=NOW,
            encapsulation=partial(sealed_as, one[0], ciphertext),
        )
        for ciphertext in (one[1], other[1])
    ]
    assert sessions[0].root_key != sessions[1].root_key
    assert sessions[0].sid != sessions[1].sid


@pytest.mark.negative(5)
@pytest.mark.negative(6)
def test_an_altered_or_stripped_kem_ciphertext_is_refused() -> None:
    alice, bob = Side("alice"), Side("bob")
    envelope = Envelope.parse(seal(alice.begins(bob), 1, text(alice, bob), alice.random, NOW).envelope)
    assert envelope.init is not None
    for ciphertext in (
        flipped(envelope.init.ct, 0),
        bytes(1088),
        encapsulate(bob.once.published.prekey.kem_key.raw)[1],
    ):
        altered = replace(envelope, init=replace(envelope.init, ct=ciphertext))
        with pytest.raises(SessionMismatch):
            accept(bob.own, alice.party, altered, bob.signed, bob.once, NOW)


@pytest.mark.negative(6)
def test_without_the_kems_secret_there_is_no_session() -> None:
    """Control of the post-quantum half: an initiator that knows all X25519 secrets and not the KEM's gets nowhere."""
    alice, bob = Side("alice"), Side("bob")
    session = alice.begins(bob, encapsulation=lambda public: (bytes(32), encapsulate(public)[1]))
    envelope = seal(session, 1, text(alice, bob), alice.random, NOW).envelope
    with pytest.raises(SessionMismatch):
        bob.accepts(envelope, alice)


@pytest.mark.negative(4)
def test_the_halves_of_the_two_prekeys_cannot_change_places() -> None:
    """A bundle whose one-time prekey stands where the signed one belongs makes another transcript."""
    alice, bob = Side("alice"), Side("bob")
    bundle = bob.bundle_for(alice)
    assert bundle.one_time is not None
    swapped = Bundle(
        changed(bundle.signed, dh_key=bundle.one_time.dh_key, kem_key=bundle.one_time.kem_key),
        changed(bundle.one_time, dh_key=bundle.signed.dh_key, kem_key=bundle.signed.kem_key),
    )
    session = initiate(alice.own, bob.party, swapped, gen=GEN, random=alice.random, now_ms=NOW)
    with pytest.raises(SessionMismatch):
        bob.accepts(seal(session, 1, text(alice, bob), alice.random, NOW).envelope, alice)


@pytest.mark.negative(3)
@pytest.mark.negative(64)
def test_a_replay_has_the_same_key_of_the_cache_whatever_prekey_it_names() -> None:
    """(SPK.id, EK) is known before any key work; the server may change or strip the one-time prekey's id."""
    talk = Talk(answered=False)
    places = range(67 + 44, 67 + 52)
    for place in (None, *places):
        replayed = talk.first if place is None else flipped(talk.first, 8 * place)
        init = Envelope.parse(replayed).init
        assert init is not None
        assert (init.spk_id, init.ek) == (talk.bob.signed.published.prekey.prekey_id, init.ek)
    stripped = Envelope.parse(talk.first[: places[0]] + bytes(8) + talk.first[places[-1] + 1 :])
    with pytest.raises(SessionMismatch):
        accept(talk.bob.own, talk.alice.party, stripped, talk.bob.signed, None, NOW)


@pytest.mark.negative(14)
@pytest.mark.negative(73)
@pytest.mark.parametrize("with_once", [True, False])
def test_no_bit_of_the_init_fields_may_change(with_once: bool) -> None:
    """Every bit before the ciphertext, one of each byte of it: set-up and opening together refuse them all."""
    alice, bob = Side("alice"), Side("bob")
    envelope = seal(alice.begins(bob, with_once=with_once), 1, text(alice, bob), alice.random, NOW).envelope
    ciphertext = 67 + 56
    bits = [*range(8 * ciphertext), *(8 * place + place % 8 for place in range(ciphertext, ciphertext + 1088, 5))]
    for bit in bits:
        with pytest.raises(ChatError):
            bob.accepts(flipped(envelope, bit), alice)
    assert bob.accepts(envelope, alice).session.confirmed


@pytest.mark.negative(63)
def test_a_session_from_two_days_ahead_is_refused_before_any_key_work() -> None:
    alice, bob = Side("alice"), Side("bob")
    for seconds, refused in ((24 * 60 * 60, False), (24 * 60 * 60 + 1, True), (2 * 24 * 60 * 60, True)):
        session = alice.begins(bob, gen=GEN + seconds)
        envelope = seal(session, 1, text(alice, bob), alice.random, NOW).envelope
        if refused:
            with pytest.raises(SessionAhead):
                bob.accepts(envelope, alice)
        else:
            assert bob.accepts(envelope, alice).session.gen == GEN + seconds
    with pytest.raises(SessionAhead):
        check_generation(GEN + 2 * 24 * 60 * 60, NOW)


def test_an_envelope_of_no_init_begins_nothing() -> None:
    talk = Talk()
    envelope = Envelope.parse(talk.alice_sends("normal"))
    with pytest.raises(SessionUnknown):
        accept(talk.bob.own, talk.alice.party, envelope, talk.bob.signed, None, NOW)


def test_the_secrets_must_be_those_that_the_envelope_names() -> None:
    alice, bob = Side("alice"), Side("bob")
    with_once, without = (
        Envelope.parse(seal(alice.begins(bob, with_once=once), 1, text(alice, bob), alice.random, NOW).envelope)
        for once in (True, False)
    )
    other = SignedPrekeySecret.generate(bob.own.secrets, bob.party.user_id, bob.random, NOW)
    other_once = OneTimePrekeySecret.generate(bob.own.secrets, bob.party.user_id, bob.random)
    for envelope, signed, once in (
        (with_once, other, bob.once),
        (with_once, bob.signed, other_once),
        (with_once, bob.signed, None),
        (without, bob.signed, bob.once),
    ):
        with pytest.raises(PrekeyGone):
            accept(bob.own, alice.party, envelope, signed, once, NOW)


@pytest.mark.negative(69)
def test_sessions_between_devices_of_one_person_work() -> None:
    laptop, phone = Side("alice"), Side("alice")
    identity = IdentitySecret(drawn("alice identity", 32))
    secrets = DeviceSecrets.generate(phone.random)
    first = laptop.accepted.device_list
    entries = sorted(
        (*first.devices, secrets.entry(first.user_id, first.identity_key, NOW)), key=lambda entry: entry.device_id
    )
    both = DeviceList(first.user_id, "alice", first.identity_key, 2, laptop.accepted.digest, NOW, tuple(entries))
    accepted = check_first_contact(identity.sign(both), "alice")
    phone.accepted, phone.own = accepted, OwnParty.of(accepted, secrets)
    phone.signed = SignedPrekeySecret.generate(secrets, first.user_id, phone.random, NOW)
    laptop.accepted, laptop.own = accepted, OwnParty.of(accepted, laptop.own.secrets)
    session = laptop.begins(phone, with_once=False)
    opened = phone.accepts(seal(session, 2, text(laptop, phone), laptop.random, NOW).envelope, laptop)
    assert opened.session.sid == session.sid


def test_the_first_message_may_come_after_others_of_its_session() -> None:
    """Each repeats the init fields, so any of them can begin it."""
    talk = Talk(answered=False)
    bob = Side("bob")
    second = talk.alice_sends("second")
    opened = bob.accepts(second, talk.alice)
    assert open_envelope(opened.session, Envelope.parse(talk.first), NOW).session.confirmed


def test_a_responder_whose_secret_is_another_gets_no_session() -> None:
    """The envelope names his prekey, and its secret is not the one that was published."""
    alice, bob = Side("alice"), Side("bob")
    envelope = seal(alice.begins(bob, with_once=False), 1, text(alice, bob), alice.random, NOW).envelope
    other = SignedPrekeySecret.generate(bob.own.secrets, bob.party.user_id, bob.random, NOW)
    bob.signed = SignedPrekeySecret(other.secret, bob.signed.published)
    with pytest.raises(MessageUnreadable):
        bob.accepts(envelope, alice)


def test_what_was_encapsulated_is_what_is_decapsulated() -> None:
    bob = Side("bob")
    secret, ciphertext = encapsulate(bob.once.published.prekey.kem_key.raw)
    assert (len(secret), len(ciphertext)) == (32, 1088)
    assert decapsulate(bob.once.secret.kem_seed, ciphertext) == secret
    assert decapsulate(bob.once.secret.kem_seed, flipped(ciphertext, 0)) != secret


def test_what_is_no_kem_key_is_refused() -> None:
    with pytest.raises(KeyWorthless):
        encapsulate(b"\xff" * 1184)
