"""Prekeys: their bytes, whose signature holds where, and the rules of dates and suites."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.directory.prekeys import (
    KemPublicKey,
    OneTimePrekey,
    PrekeyDhKey,
    PublishedOneTimePrekey,
    PublishedSignedPrekey,
    SeenPrekey,
    SignedPrekey,
    check_fresh,
    check_not_behind,
    check_published,
)
from secure_chat.encoding import tag
from secure_chat.errors import EncodingError, PrekeyError, PrekeyTooOld, SignatureError
from secure_chat.limits import DAY_MS, MAX_PREKEY_AGE_MS, MAX_PREKEY_AHEAD_MS
from tests.directory.people import NOON, Device, Person, drawn

ALICE = Person("alice")
LAPTOP = Device("laptop", 7)
SIGNED = LAPTOP.signed_prekey(ALICE)
ONCE = LAPTOP.one_time_prekey(ALICE)


def test_prekeys_have_the_published_sizes_and_fields_in_order() -> None:
    prekey, once = SIGNED.prekey, ONCE.prekey
    assert prekey.encode() == b"".join(
        (prekey.prekey_id, b"\x01", prekey.dh_key.raw, prekey.kem_key.raw, NOON.to_bytes(8, "big"))
    )
    assert once.encode() == once.prekey_id + once.dh_key.raw + once.kem_key.raw
    assert (len(prekey.encode()), len(once.encode())) == (1233, 1224)
    assert (len(SIGNED.encode()), len(ONCE.encode())) == (1297, 1288)
    assert 100 * len(ONCE.encode()) == 128_800  # a whole upload, far below one frame


def test_one_signature_covers_both_halves_owner_and_number() -> None:
    owner = ALICE.user_id + (7).to_bytes(4, "big")
    signed = SIGNED.prekey.signing_payload(ALICE.user_id, LAPTOP.device_id)
    once = ONCE.prekey.signing_payload(ALICE.user_id, LAPTOP.device_id)
    assert signed == tag("prekey-signed") + owner + SIGNED.prekey.encode()
    assert once == tag("prekey-once") + owner + ONCE.prekey.encode()


def test_prekeys_are_accepted_under_their_own_device_only() -> None:
    for published in (SIGNED, ONCE):
        published.check_signature(LAPTOP.signing_key, ALICE.user_id, LAPTOP.device_id)
        for key, user_id, device_id in (
            (Device("phone", 7).signing_key, ALICE.user_id, LAPTOP.device_id),
            (LAPTOP.signing_key, Person("bob").user_id, LAPTOP.device_id),
            (LAPTOP.signing_key, ALICE.user_id, DeviceId(8)),
        ):
            with pytest.raises(SignatureError):
                published.check_signature(key, user_id, device_id)


def test_an_upload_is_checked_whole() -> None:
    owner = (ALICE.user_id, LAPTOP.device_id, LAPTOP.signing_key)
    signed, once = SIGNED.encode(), ONCE.encode()
    check_published(*owner, signed, [once, LAPTOP.one_time_prekey(ALICE).encode()])
    check_published(*owner, b"", [])
    for bad_signed, bad_once in (
        (signed[:-1] + bytes([signed[-1] ^ 1]), [once]),
        (signed, [once, once[:-1] + bytes([once[-1] ^ 1])]),
        (b"", [Device("phone", 7).one_time_prekey(ALICE).encode()]),
    ):
        with pytest.raises(SignatureError):
            check_published(*owner, bad_signed, bad_once)
    for bad_signed, bad_once in ((once, []), (signed[:-1], []), (signed, [once + b"0"]), (signed, [signed])):
        with pytest.raises(EncodingError):
            check_published(*owner, bad_signed, bad_once)


@pytest.mark.negative(4)
def test_the_signatures_of_the_two_kinds_do_not_stand_for_each_other() -> None:
    """(negative test 4) Signatures swapped, and the struct of one kind under the tag of the other."""
    for published in (replace(SIGNED, signature=ONCE.signature), replace(ONCE, signature=SIGNED.signature)):
        with pytest.raises(SignatureError):
            published.check_signature(LAPTOP.signing_key, ALICE.user_id, LAPTOP.device_id)
    owner = ALICE.user_id + (7).to_bytes(4, "big")
    for published, foreign_tag in (
        (SIGNED, "prekey-once"),
        (ONCE, "prekey-signed"),
        (SIGNED, "login"),
        (ONCE, "devlist"),
    ):
        signature = LAPTOP.sign(tag(foreign_tag) + owner + published.prekey.encode())
        with pytest.raises(SignatureError):
            replace(published, signature=signature).check_signature(LAPTOP.signing_key, ALICE.user_id, LAPTOP.device_id)


@pytest.mark.negative(4)
def test_a_half_exchanged_for_another_one_breaks_the_signature() -> None:
    """(negative test 4)"""
    other = LAPTOP.one_time_prekey(ALICE, "another").prekey
    for prekey in (
        replace(ONCE.prekey, kem_key=other.kem_key),
        replace(ONCE.prekey, dh_key=other.dh_key),
        replace(ONCE.prekey, prekey_id=other.prekey_id),
    ):
        with pytest.raises(SignatureError):
            PublishedOneTimePrekey(prekey, ONCE.signature).check_signature(
                LAPTOP.signing_key, ALICE.user_id, LAPTOP.device_id
            )
    for changed in (
        replace(SIGNED.prekey, kem_key=other.kem_key),
        replace(SIGNED.prekey, dh_key=other.dh_key),
        replace(SIGNED.prekey, suite_max=2),
        replace(SIGNED.prekey, created=NOON + 1),
    ):
        with pytest.raises(SignatureError):
            PublishedSignedPrekey(changed, SIGNED.signature).check_signature(
                LAPTOP.signing_key, ALICE.user_id, LAPTOP.device_id
            )


@pytest.mark.negative(4)
def test_a_kem_key_does_not_fit_into_the_place_of_an_x25519_key() -> None:
    """(negative test 4)"""
    with pytest.raises(EncodingError):
        PrekeyDhKey(ONCE.prekey.kem_key.raw)
    with pytest.raises(EncodingError):
        KemPublicKey(ONCE.prekey.dh_key.raw)


@pytest.mark.negative(1)
def test_a_low_order_half_is_refused_when_parsed() -> None:
    """(negative test 1, as far as parsing goes)"""
    for data, at, parse in (
        (SIGNED.encode(), 9, PublishedSignedPrekey.parse),
        (ONCE.encode(), 8, PublishedOneTimePrekey.parse),
    ):
        for point in (bytes(32), bytes(31) + b"\x80", b"\x01" + bytes(31)):
            with pytest.raises(EncodingError):
                parse(data[:at] + point + data[at + 32 :])


@pytest.mark.negative(6)
@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        SIGNED.encode()[:-1],
        SIGNED.encode() + b"\x00",
        ONCE.encode(),
        bytes(8) + SIGNED.encode()[8:],
        SIGNED.encode()[:8] + b"\x00" + SIGNED.encode()[9:],
    ],
    ids=["nothing", "a byte less", "a byte more", "the other kind", "id of zeros", "suite 0"],
)
def test_malformed_signed_prekeys_are_refused(data: bytes) -> None:
    """(negative tests 6 and 49)"""
    with pytest.raises(EncodingError):
        PublishedSignedPrekey.parse(data)


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "data",
    [b"", ONCE.encode()[:-1], ONCE.encode() + b"\x00", SIGNED.encode(), bytes(8) + ONCE.encode()[8:]],
    ids=["nothing", "a byte less", "a byte more", "the other kind", "id of zeros"],
)
def test_malformed_one_time_prekeys_are_refused(data: bytes) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        PublishedOneTimePrekey.parse(data)


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "prekey",
    [
        replace(SIGNED.prekey, prekey_id=bytes(8)),
        replace(SIGNED.prekey, prekey_id=b"1234567"),
        replace(SIGNED.prekey, suite_max=0),
        replace(SIGNED.prekey, suite_max=256),
        replace(SIGNED.prekey, created=-1),
        replace(ONCE.prekey, prekey_id=bytes(8)),
    ],
)
def test_what_no_reader_would_take_is_not_written(prekey: SignedPrekey | OneTimePrekey) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        prekey.encode()


@pytest.mark.negative(49)
@pytest.mark.parametrize("width", [0, 1183, 1185])
def test_a_kem_key_of_another_width_is_refused(width: int) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        KemPublicKey(bytes(width))


@pytest.mark.negative(49)
def test_no_payload_is_made_for_an_owner_of_zeros() -> None:
    """(negative test 49)"""
    for user_id, device_id in ((UserId(bytes(16)), 7), (UserId(b"\x01" * 17), 7), (ALICE.user_id, 0)):
        with pytest.raises(EncodingError):
            ONCE.prekey.signing_payload(user_id, DeviceId(device_id))


# --- dates and suites ----------------------------------------------------------------------------


@pytest.mark.negative(50)
def test_the_window_of_a_prekey_is_from_60_days_ago_to_a_day_ahead() -> None:
    """(negative test 50)"""
    assert (MAX_PREKEY_AGE_MS, MAX_PREKEY_AHEAD_MS) == (60 * DAY_MS, DAY_MS)
    for created in (NOON, NOON - 60 * DAY_MS, NOON + DAY_MS):
        check_fresh(replace(SIGNED.prekey, created=created), NOON)


@pytest.mark.negative(50)
@pytest.mark.parametrize("created", [NOON + DAY_MS + 1, NOON + 25 * 3_600_000, 2**64 - 1])
def test_a_prekey_from_more_than_a_day_ahead_is_refused(created: int) -> None:
    """(negative test 50)"""
    with pytest.raises(PrekeyError, match="future") as refused:
        check_fresh(replace(SIGNED.prekey, created=created), NOON)
    assert not isinstance(refused.value, PrekeyTooOld)


@pytest.mark.negative(50)
@pytest.mark.parametrize("created", [NOON - 60 * DAY_MS - 1, NOON - 61 * DAY_MS, 0])
def test_a_prekey_of_more_than_60_days_means_a_device_not_seen(created: int) -> None:
    """(negative test 50)"""
    with pytest.raises(PrekeyTooOld, match="not been seen for 60 days"):
        check_fresh(replace(SIGNED.prekey, created=created), NOON)


@pytest.mark.negative(50)
def test_a_prekey_older_than_one_already_seen_is_refused() -> None:
    """(negative test 50)"""
    seen = SeenPrekey().including(SIGNED.prekey)
    check_not_behind(SIGNED.prekey, seen)
    check_not_behind(replace(SIGNED.prekey, created=NOON + 1), seen)
    with pytest.raises(PrekeyError, match="older prekey"):
        check_not_behind(replace(SIGNED.prekey, created=NOON - 1), seen)


@pytest.mark.negative(74)
def test_a_lowered_suite_is_refused() -> None:
    """(negative test 74)"""
    newer = replace(SIGNED.prekey, suite_max=2)
    seen = SeenPrekey().including(newer)
    check_not_behind(newer, seen)
    check_not_behind(replace(newer, suite_max=3), seen)
    with pytest.raises(PrekeyError, match="lower suite"):
        check_not_behind(replace(newer, suite_max=1, created=NOON + DAY_MS), seen)


@pytest.mark.negative(50)
@pytest.mark.negative(74)
def test_what_was_seen_never_falls_back() -> None:
    """(negative tests 50 and 74)"""
    newest = replace(SIGNED.prekey, created=NOON + 5, suite_max=1)
    highest = replace(SIGNED.prekey, created=NOON, suite_max=3)
    for order in ((newest, highest), (highest, newest)):
        seen = SeenPrekey()
        for prekey in order:
            seen = seen.including(prekey)
        assert seen == SeenPrekey(created=NOON + 5, suite_max=3)


# --- bytes ---------------------------------------------------------------------------------------

ids = st.binary(min_size=8, max_size=8).filter(any)
signatures = st.binary(min_size=64, max_size=64)
kem_keys = st.integers(0, 9).map(lambda seed: KemPublicKey(drawn(str(seed), 1184)))
dh_keys = st.integers(0, 9).map(lambda seed: PrekeyDhKey(drawn(str(seed), 32)))


@given(ids, st.integers(1, 255), dh_keys, kem_keys, st.integers(0, 2**64 - 1), signatures)
def test_every_prekey_is_read_as_it_was_written(
    prekey_id: bytes, suite: int, dh_key: PrekeyDhKey, kem_key: KemPublicKey, created: int, signature: bytes
) -> None:
    signed = PublishedSignedPrekey(SignedPrekey(prekey_id, suite, dh_key, kem_key, created), signature)
    assert PublishedSignedPrekey.parse(signed.encode()) == signed
    once = PublishedOneTimePrekey(OneTimePrekey(prekey_id, dh_key, kem_key), signature)
    assert PublishedOneTimePrekey.parse(once.encode()) == once


@pytest.mark.negative(34)
@given(st.data())
def test_any_bytes_are_one_prekey_exactly_or_an_encoding_error(data: st.DataObject) -> None:
    """(negative test 34, for prekeys)"""
    valid = data.draw(st.sampled_from([SIGNED.encode(), ONCE.encode()]))
    start, length = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 60))
    raw = valid[:start] + data.draw(st.binary(max_size=60)) + valid[start + length :]
    for kind in (PublishedSignedPrekey, PublishedOneTimePrekey):
        try:
            parsed = kind.parse(raw)
        except EncodingError:
            continue
        assert parsed.encode() == raw
