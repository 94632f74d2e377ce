"""Bundles: what the server shows of a device is used only when the device signed it, lately, and it is not ours."""

from dataclasses import replace
from typing import Any

import pytest

from secure_chat.directory.keys import DeviceDhKey
from secure_chat.directory.prekeys import PrekeyDhKey, PublishedOneTimePrekey, PublishedSignedPrekey, SeenPrekey
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.errors import EncodingError, OwnKeyInUse, PrekeyError, PrekeyTooOld, SignatureError
from tests.e2ee.pair import DAY, NOW, Side


def published(bob: Side, **different: Any) -> bytes:
    """Bob's signed prekey with other facts, signed by him."""
    prekey = replace(bob.signed.published.prekey, **different)
    payload = prekey.signing_payload(bob.party.user_id, bob.party.device_id)
    return PublishedSignedPrekey(prekey, bob.own.secrets.sign(payload)).encode()


def published_once(bob: Side, **different: Any) -> bytes:
    """The same of his one-time prekey."""
    prekey = replace(bob.once.published.prekey, **different)
    payload = prekey.signing_payload(bob.party.user_id, bob.party.device_id)
    return PublishedOneTimePrekey(prekey, bob.own.secrets.sign(payload)).encode()


def test_a_bundle_has_what_the_device_published() -> None:
    alice, bob = Side("alice"), Side("bob")
    bundle = bob.bundle_for(alice)
    assert bundle.signed == bob.signed.published.prekey
    assert bundle.one_time == bob.once.published.prekey
    assert bob.bundle_for(alice, with_once=False).one_time is None


@pytest.mark.negative(4)
def test_prekeys_of_another_device_or_with_anothers_signature_are_refused() -> None:
    alice, bob, carol = Side("alice"), Side("bob"), Side("carol")
    signed, once = bob.signed.published, bob.once.published
    swapped = replace(signed, signature=once.signature).encode()
    swapped_once = replace(once, signature=signed.signature).encode()
    for first, second in (
        (carol.signed.published.encode(), b""),
        (swapped, b""),
        (signed.encode(), carol.once.published.encode()),
        (signed.encode(), swapped_once),
    ):
        with pytest.raises(SignatureError):
            check_bundle(bob.party, alice.own, first, second, SeenPrekey(), NOW)
    with pytest.raises(EncodingError):
        check_bundle(bob.party, alice.own, once.encode(), b"", SeenPrekey(), NOW)


@pytest.mark.negative(50)
@pytest.mark.negative(74)
def test_prekeys_out_of_their_time_or_behind_what_was_seen_are_refused() -> None:
    alice, bob = Side("alice"), Side("bob")
    for signed, seen, error in (
        (published(bob, created=NOW - 61 * DAY), SeenPrekey(), PrekeyTooOld),
        (published(bob, created=NOW + 25 * DAY // 24), SeenPrekey(), PrekeyError),
        (published(bob), SeenPrekey(created=NOW + 1), PrekeyError),
        (published(bob), SeenPrekey(suite_max=2), PrekeyError),
    ):
        with pytest.raises(error):
            check_bundle(bob.party, alice.own, signed, b"", seen, NOW)
    assert check_bundle(bob.party, alice.own, published(bob, suite_max=7), b"", SeenPrekey(), NOW).signed.suite_max == 7


def test_what_was_seen_includes_the_bundle() -> None:
    alice, bob = Side("alice"), Side("bob")
    seen = SeenPrekey().including(bob.bundle_for(alice).signed)
    assert seen == SeenPrekey(NOW, 1)


@pytest.mark.negative(69)
@pytest.mark.parametrize("bit_255", [False, True])
def test_a_key_of_this_device_is_refused_in_each_of_its_forms(bit_255: bool) -> None:
    alice, bob = Side("alice"), Side("bob")
    raw = alice.party.dh_key.raw
    own = raw[:31] + bytes([raw[31] | 0x80 if bit_255 else raw[31]])
    signed, key = bob.signed.published.encode(), PrekeyDhKey(own)
    for peer, first, second in (
        (bob.party, published(bob, dh_key=key), b""),
        (bob.party, signed, published_once(bob, dh_key=key)),
        (replace(bob.party, dh_key=DeviceDhKey(own)), signed, b""),
    ):
        with pytest.raises(OwnKeyInUse):
            check_bundle(peer, alice.own, first, second, SeenPrekey(), NOW)


@pytest.mark.negative(69)
def test_another_device_of_the_same_person_is_an_ordinary_peer() -> None:
    laptop, phone = Side("alice"), Side("alices phone")
    signed = SignedPrekeySecret.generate(phone.own.secrets, laptop.party.user_id, phone.random, NOW)
    once = OneTimePrekeySecret.generate(phone.own.secrets, laptop.party.user_id, phone.random)
    peer = replace(phone.party, user_id=laptop.party.user_id)
    bundle = check_bundle(peer, laptop.own, signed.published.encode(), once.published.encode(), SeenPrekey(), NOW)
    assert bundle.one_time == once.published.prekey
