"""Device lists: what is accepted, in what order, and every way in which a list can be wrong."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.directory.device_list import (
    AcceptedDeviceList,
    DeviceEntry,
    DeviceList,
    SeenDevice,
    SignedDeviceList,
    check_first_contact,
    check_registration,
    check_successor,
    proof_of_possession_payload,
)
from secure_chat.directory.keys import DeviceDhKey, DeviceId, IdentityPublicKey, UserId
from secure_chat.encoding import tag
from secure_chat.errors import (
    ChatError,
    DeviceListConflict,
    DeviceListError,
    DeviceListGap,
    DeviceListOutdated,
    DeviceUnknown,
    EncodingError,
    SignatureError,
)
from secure_chat.limits import MAX_DEVICES_PER_USER
from tests.directory.people import NOON, Device, Person

ALICE = Person("alice")
BOB = Person("bob")
LAPTOP = Device("laptop", 7)
PHONE = Device("phone", 70_000)
TABLET = Device("tablet", 2**32 - 1)
FIRST = ALICE.signed_list(LAPTOP)


def first() -> AcceptedDeviceList:
    return check_registration(FIRST, "alice")


def with_bit_255(key: DeviceDhKey) -> DeviceDhKey:
    return DeviceDhKey(key.raw[:31] + bytes([key.raw[31] | 0x80]))


# --- what is accepted ----------------------------------------------------------------------------


def test_a_list_of_one_device_has_the_published_size_and_fields_in_order() -> None:
    data = FIRST.encode()
    entry = FIRST.device_list.devices[0]
    assert len(data) == 97 + len("alice") + 140 + 64
    assert data == b"".join(
        (
            ALICE.user_id,
            (5).to_bytes(4, "big") + b"alice",
            ALICE.identity_key.raw,
            (1).to_bytes(4, "big"),
            bytes(32),
            NOON.to_bytes(8, "big"),
            b"\x01",
            (7).to_bytes(4, "big") + LAPTOP.signing_key.raw + LAPTOP.dh_key.raw + NOON.to_bytes(8, "big") + entry.pop,
            FIRST.signature,
        )
    )


def test_what_is_signed_and_hashed_begins_with_its_tag() -> None:
    assert FIRST.device_list.signing_payload() == tag("devlist") + FIRST.device_list.encode()
    assert FIRST.digest() == hashlib.sha256(tag("dl") + FIRST.encode()).digest()
    assert proof_of_possession_payload(ALICE.user_id, ALICE.identity_key, DeviceId(7), LAPTOP.dh_key) == (
        tag("device-pop") + ALICE.user_id + ALICE.identity_key.raw + (7).to_bytes(4, "big") + LAPTOP.dh_key.raw
    )


def test_registration_takes_version_one() -> None:
    accepted = check_registration(SignedDeviceList.parse(FIRST.encode()), "alice")
    assert accepted.signed == FIRST
    assert accepted.digest == FIRST.digest()
    assert accepted.device(DeviceId(7)).dh_key == LAPTOP.dh_key
    assert AcceptedDeviceList.from_own_store(FIRST.encode()) == accepted


def test_first_contact_takes_any_version_and_registration_only_the_first() -> None:
    second = ALICE.signed_list(LAPTOP, PHONE, after=FIRST)
    assert check_first_contact(second, "alice").device_list.version == 2
    with pytest.raises(DeviceListError):
        check_registration(second, "alice")


def test_eight_devices_are_accepted_and_ninth_is_not() -> None:
    assert MAX_DEVICES_PER_USER == 8
    devices = [Device(f"device {number}", number) for number in range(1, 10)]
    eight = ALICE.signed_list(*devices[:8])
    assert check_registration(SignedDeviceList.parse(eight.encode()), "alice").signed == eight
    with pytest.raises(EncodingError):
        ALICE.signed_list(*devices)


def test_devices_come_and_go_version_by_version() -> None:
    chain = [first()]
    for devices in ((LAPTOP, PHONE), (LAPTOP, PHONE, TABLET), (TABLET,), (PHONE, TABLET)):
        seen = [device for link in chain for device in link.device_list.seen_devices()]
        chain.append(check_successor(chain[-1], ALICE.signed_list(*devices, after=chain[-1]), seen))
    assert [link.device_list.version for link in chain] == [1, 2, 3, 4, 5]


def test_an_identity_reset_with_new_devices_is_a_valid_list_of_the_same_account() -> None:
    reset = ALICE.with_new_identity().signed_list(PHONE, after=FIRST)
    accepted = check_successor(first(), reset)
    assert accepted.device_list.user_id == ALICE.user_id
    assert accepted.device_list.identity_key != ALICE.identity_key


# --- who signed it -------------------------------------------------------------------------------


@pytest.mark.negative(8)
def test_a_device_added_by_the_server_without_the_identity_is_refused() -> None:
    """(negative test 8)"""
    intruder = Device("intruder", 9)
    honest = FIRST.device_list
    added = replace(honest, devices=(*honest.devices, ALICE.entry(intruder)))
    mallory = Person("alice", identity="the server's own")
    for signature in (FIRST.signature, mallory.sign(added).signature, intruder.sign(added.signing_payload())):
        with pytest.raises(SignatureError):
            check_first_contact(SignedDeviceList(added, signature), "alice")
    successor = replace(ALICE.device_list(LAPTOP, intruder, after=FIRST))
    with pytest.raises(SignatureError):
        check_successor(first(), SignedDeviceList(successor, mallory.sign(successor).signature))


def test_a_list_with_any_bit_changed_is_refused() -> None:
    data = ALICE.signed_list(LAPTOP, PHONE).encode()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0x01
        with pytest.raises(ChatError):
            check_registration(SignedDeviceList.parse(bytes(changed)), "alice")


@pytest.mark.parametrize("name", ["alicf", "Alice", "", "alice ", "аlice"])
def test_a_list_of_another_name_than_the_one_asked_for_is_refused(name: str) -> None:
    with pytest.raises(DeviceListError, match="another name"):
        check_first_contact(FIRST, name)


@pytest.mark.negative(9)
def test_an_entry_with_another_devices_signing_key_fails_its_proof_of_possession() -> None:
    """(negative test 9)"""
    stolen = BOB.entry(PHONE)  # bob's phone, his own valid entry, listed by alice
    for pop in (stolen.pop, LAPTOP.sign(b"anything"), bytes(64)):
        entry = replace(stolen, pop=pop)
        with pytest.raises(SignatureError):
            check_registration(ALICE.sign(replace(ALICE.device_list(LAPTOP), devices=(entry,))), "alice")


@pytest.mark.negative(9)
@pytest.mark.parametrize(
    "changed",
    [
        lambda entry: replace(entry, dh_key=TABLET.dh_key),
        lambda entry: replace(entry, device_id=DeviceId(8)),
        lambda entry: replace(entry, signing_key=TABLET.signing_key),
    ],
)
def test_a_proof_of_possession_is_bound_to_number_and_keys(changed: Callable[[DeviceEntry], DeviceEntry]) -> None:
    """(negative test 9)"""
    with pytest.raises(SignatureError):
        check_registration(ALICE.sign(replace(ALICE.device_list(), devices=(changed(ALICE.entry(LAPTOP)),))), "alice")


@pytest.mark.negative(9)
def test_a_proof_of_possession_is_bound_to_its_account_and_identity() -> None:
    """(negative test 9)"""
    for other in (ALICE.with_new_identity(), Person("alicia")):
        with pytest.raises(SignatureError):
            check_registration(ALICE.sign(replace(ALICE.device_list(), devices=(other.entry(LAPTOP),))), "alice")


@pytest.mark.negative(2)
def test_a_list_under_a_small_order_identity_is_refused() -> None:
    """(negative test 2)"""
    neutral = IdentityPublicKey((1).to_bytes(32, "little"))
    device_list = replace(FIRST.device_list, identity_key=neutral)
    with pytest.raises(SignatureError):
        check_first_contact(SignedDeviceList(device_list, neutral.raw + bytes(32)), "alice")


@pytest.mark.negative(10)
def test_an_identifier_that_equals_a_key_or_another_identifier_changes_no_check() -> None:
    """(negative test 10) Whatever the numbers look like, the signature is checked under the identity key."""
    alike = Device("alike", int.from_bytes(LAPTOP.signing_key.raw[:4], "big"))
    person = Person("alice")
    person.user_id = UserId(person.identity_key.raw[:16])
    honest = person.signed_list(alike)
    assert check_registration(honest, "alice").device(alike.device_id).signing_key == alike.signing_key
    for signer in (alike.signer, LAPTOP.signer):
        with pytest.raises(SignatureError):
            check_registration(
                replace(honest, signature=bytes(signer.sign(honest.device_list.signing_payload()).signature)), "alice"
            )


# --- the order of versions -----------------------------------------------------------------------


@pytest.mark.negative(38)
def test_an_older_list_is_refused() -> None:
    """(negative test 38)"""
    second = check_successor(first(), ALICE.signed_list(LAPTOP, PHONE, after=FIRST))
    with pytest.raises(DeviceListOutdated):
        check_successor(second, FIRST)
    with pytest.raises(DeviceListOutdated):
        check_successor(second, second.signed)


def test_a_missing_version_is_a_gap() -> None:
    second = ALICE.signed_list(LAPTOP, PHONE, after=FIRST)
    with pytest.raises(DeviceListGap):
        check_successor(first(), ALICE.signed_list(LAPTOP, after=second))


@pytest.mark.negative(7)
def test_a_list_that_continues_another_one_is_refused() -> None:
    """(negative test 7, the part without a log)"""
    other_first = ALICE.sign(ALICE.device_list(LAPTOP, created=NOON + 1))
    for candidate in (
        ALICE.signed_list(LAPTOP, PHONE, after=other_first),
        ALICE.sign(replace(ALICE.device_list(LAPTOP, after=FIRST), prev_hash=b"\x01" * 32)),
    ):
        with pytest.raises(DeviceListError, match="does not continue"):
            check_successor(first(), candidate)


def test_two_validly_signed_lists_of_one_version_are_evidence() -> None:
    with pytest.raises(DeviceListConflict):
        check_successor(first(), ALICE.sign(ALICE.device_list(LAPTOP, created=NOON + 1)))


def test_what_nobody_signed_is_no_evidence() -> None:
    other = replace(ALICE.device_list(LAPTOP, created=NOON + 1))
    with pytest.raises(SignatureError):
        check_successor(first(), SignedDeviceList(other, bytes(64)))


def test_a_list_does_not_pass_to_another_account_or_name() -> None:
    stranger = Person("alice")
    stranger.user_id = BOB.user_id
    with pytest.raises(DeviceListError, match="from one account to another"):
        check_successor(first(), stranger.signed_list(PHONE, after=FIRST))
    with pytest.raises(DeviceListError, match="another name"):
        check_successor(first(), ALICE.sign(replace(ALICE.device_list(LAPTOP, after=FIRST), name="alicia")))


# --- numbers and keys are fixed for ever ---------------------------------------------------------


@pytest.mark.negative(38)
def test_an_old_number_with_new_keys_is_refused() -> None:
    """(negative test 38)"""
    with pytest.raises(DeviceListError, match="never change"):
        check_successor(first(), ALICE.signed_list(Device("another", LAPTOP.device_id), after=FIRST))


@pytest.mark.negative(38)
def test_a_key_under_a_new_number_is_refused() -> None:
    """(negative test 38)"""
    for signing, agreeing in (("laptop", "laptop"), ("laptop", "another"), ("another", "laptop")):
        moved = Device(signing, 8)
        moved.dh_key = Device(agreeing, 8).dh_key
        with pytest.raises(DeviceListError, match="never change"):
            check_successor(first(), ALICE.signed_list(moved, after=FIRST))


@pytest.mark.negative(38)
def test_an_old_agreement_key_is_recognised_in_its_other_form() -> None:
    """(negative test 38) libsodium does not look at bit 255: with it set, the bytes differ and the key is the same."""
    moved = Device("another", 8)
    moved.dh_key = with_bit_255(LAPTOP.dh_key)
    with pytest.raises(DeviceListError, match="never change"):
        check_successor(first(), ALICE.signed_list(moved, after=FIRST))


@pytest.mark.negative(38)
def test_a_device_is_remembered_after_it_was_removed() -> None:
    """(negative test 38)"""
    second = check_successor(first(), ALICE.signed_list(PHONE, after=FIRST))
    impostor = ALICE.signed_list(Device("another", LAPTOP.device_id), PHONE, after=second)
    check_successor(second, impostor)  # without memory nothing is wrong with it
    with pytest.raises(DeviceListError, match="never change"):
        check_successor(second, impostor, first().device_list.seen_devices())


@pytest.mark.negative(38)
def test_a_list_under_a_new_identity_holds_no_device_of_the_old_one() -> None:
    """(negative test 38)"""
    reborn = ALICE.with_new_identity()
    same_number = Device("fresh", LAPTOP.device_id)
    same_agreement = Device("fresh", 8)
    same_agreement.dh_key = LAPTOP.dh_key
    for kept in (LAPTOP, same_number, same_agreement):
        with pytest.raises(DeviceListError, match="new identity"):
            check_successor(first(), reborn.signed_list(kept, after=FIRST))


@pytest.mark.negative(38)
def test_a_device_of_the_old_identity_does_not_come_back_later_either() -> None:
    """(negative test 38)"""
    reborn = ALICE.with_new_identity()
    second = check_successor(first(), reborn.signed_list(PHONE, after=FIRST))
    with pytest.raises(DeviceListError, match="new identity"):
        check_successor(second, reborn.signed_list(LAPTOP, PHONE, after=second), first().device_list.seen_devices())


@pytest.mark.negative(59)
@pytest.mark.parametrize("form", [lambda key: key, with_bit_255])
def test_a_key_that_stands_twice_in_one_list_is_refused(form: Callable[[DeviceDhKey], DeviceDhKey]) -> None:
    """(negative test 59, within one list)"""
    agreement = Device("twin", 8)
    agreement.dh_key = form(LAPTOP.dh_key)
    signing = Device("laptop", 8)
    signing.dh_key = Device("twin", 8).dh_key
    for twin in (agreement, signing):
        with pytest.raises(DeviceListError, match="stands twice"):
            check_registration(ALICE.signed_list(LAPTOP, twin), "alice")


@pytest.mark.negative(38)
def test_a_removed_device_is_not_found_in_the_newest_list() -> None:
    """(negative test 38)"""
    second = check_successor(first(), ALICE.signed_list(PHONE, after=FIRST))
    with pytest.raises(DeviceUnknown, match="has removed it"):
        second.device(LAPTOP.device_id)


def test_a_seen_device_overlaps_with_what_shares_its_number_or_a_key() -> None:
    (laptop,) = FIRST.device_list.seen_devices()
    (phone,) = ALICE.signed_list(PHONE).device_list.seen_devices()
    assert laptop == SeenDevice(ALICE.identity_key, LAPTOP.device_id, LAPTOP.signing_key, LAPTOP.dh_key)
    assert not laptop.overlaps(phone)
    assert laptop.overlaps(replace(phone, device_id=laptop.device_id))
    assert laptop.overlaps(replace(phone, signing_key=laptop.signing_key))
    assert laptop.overlaps(replace(phone, dh_key=with_bit_255(laptop.dh_key)))


# --- bytes ---------------------------------------------------------------------------------------


def spliced(data: bytes, position: int, replacement: bytes) -> bytes:
    return data[:position] + replacement + data[position + len(replacement) :]


COUNT_AT = 16 + 4 + 5 + 32 + 4 + 32 + 8  # of a list of "alice"
TWO = ALICE.signed_list(LAPTOP, PHONE).encode()


@pytest.mark.negative(49)
@pytest.mark.negative(57)
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(FIRST.encode()[:-1], id="a byte less"),
        pytest.param(FIRST.encode() + b"\x00", id="a byte more"),
        pytest.param(spliced(FIRST.encode(), 0, bytes(16)), id="user_id of zeros"),
        pytest.param(spliced(FIRST.encode(), COUNT_AT, b"\x00"), id="no device"),
        pytest.param(spliced(FIRST.encode(), COUNT_AT, b"\x02"), id="fewer devices than counted"),
        pytest.param(spliced(TWO, COUNT_AT, b"\x01"), id="more devices than counted"),
        pytest.param(spliced(TWO, COUNT_AT, b"\x09"), id="nine devices counted"),
        pytest.param(spliced(FIRST.encode(), COUNT_AT + 1, bytes(4)), id="device_id of zeros"),
        pytest.param(spliced(TWO, COUNT_AT + 141, (7).to_bytes(4, "big")), id="a device_id twice"),
        pytest.param(spliced(TWO, COUNT_AT + 141, (6).to_bytes(4, "big")), id="device_ids not ascending"),
        pytest.param(spliced(FIRST.encode(), COUNT_AT + 37, bytes(32)), id="agreement key of zeros"),
        pytest.param(spliced(FIRST.encode(), 57, bytes(4)), id="version 0"),
        pytest.param(spliced(FIRST.encode(), 57, b"\x00\x00\x00\x02"), id="version 2 without a previous hash"),
        pytest.param(spliced(FIRST.encode(), 61, b"\x01"), id="version 1 with a previous hash"),
        pytest.param(spliced(FIRST.encode(), 16, b"\xff\xff\xff\xff"), id="a name of four gigabytes"),
        pytest.param(spliced(FIRST.encode(), 20, b"\xff"), id="a name that is not UTF-8"),
        pytest.param(bytes(15) + b"\x01" + bytes(4) + FIRST.encode()[25:], id="no name"),
    ],
)
def test_malformed_bytes_are_refused(data: bytes) -> None:
    """(negative tests 49 and 57) The server parses with the same function."""
    with pytest.raises(EncodingError):
        SignedDeviceList.parse(data)


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "device_list",
    [
        replace(FIRST.device_list, user_id=UserId(bytes(16))),
        replace(FIRST.device_list, user_id=UserId(b"\x01" * 15)),
        replace(FIRST.device_list, name=""),
        replace(FIRST.device_list, name="x" * 129),
        replace(FIRST.device_list, name="\ud800"),
        replace(FIRST.device_list, version=0),
        replace(FIRST.device_list, version=2),
        replace(FIRST.device_list, version=2**32, prev_hash=b"\x01" * 32),
        replace(FIRST.device_list, prev_hash=b"\x01" * 32),
        replace(FIRST.device_list, prev_hash=b""),
        replace(FIRST.device_list, created=-1),
        replace(FIRST.device_list, created=2**64),
        replace(FIRST.device_list, devices=()),
        replace(FIRST.device_list, devices=(ALICE.entry(PHONE), ALICE.entry(LAPTOP))),
        replace(FIRST.device_list, devices=(ALICE.entry(PHONE), ALICE.entry(PHONE))),
        replace(FIRST.device_list, devices=(replace(ALICE.entry(PHONE), pop=bytes(63)),)),
        replace(FIRST.device_list, devices=(replace(ALICE.entry(PHONE), device_id=DeviceId(0)),)),
        replace(FIRST.device_list, devices=(replace(ALICE.entry(PHONE), added_at=2**64),)),
    ],
)
def test_what_no_reader_would_take_is_not_written(device_list: DeviceList) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        device_list.encode()


@pytest.mark.negative(49)
def test_a_signature_of_another_width_is_not_written() -> None:
    """(negative test 49)"""
    for width in (63, 65):
        with pytest.raises(EncodingError):
            SignedDeviceList(FIRST.device_list, bytes(width)).encode()


entries = st.builds(
    DeviceEntry,
    st.integers(1, 2**32 - 1).map(DeviceId),
    st.integers(0, 99).map(lambda number: Device(str(number), 1).signing_key),
    st.integers(0, 99).map(lambda number: Device(str(number), 1).dh_key),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=64, max_size=64),
)
lists = st.builds(
    DeviceList,
    st.binary(min_size=16, max_size=16).filter(any).map(UserId),
    st.text(min_size=1, max_size=32),
    st.binary(min_size=32, max_size=32).map(IdentityPublicKey),
    st.integers(2, 2**32 - 1),
    st.binary(min_size=32, max_size=32).filter(any),
    st.integers(0, 2**64 - 1),
    st.lists(entries, min_size=1, max_size=8, unique_by=lambda entry: entry.device_id).map(
        lambda found: tuple(sorted(found, key=lambda entry: entry.device_id))
    ),
)


@given(lists, st.binary(min_size=64, max_size=64))
def test_every_list_is_read_as_it_was_written(device_list: DeviceList, signature: bytes) -> None:
    signed = SignedDeviceList(device_list, signature)
    assert SignedDeviceList.parse(signed.encode()) == signed
    assert len(signed.encode()) == 97 + len(device_list.name.encode()) + 140 * len(device_list.devices) + 64


@pytest.mark.negative(34)
@given(st.data())
def test_any_bytes_are_one_list_exactly_or_an_encoding_error(data: st.DataObject) -> None:
    """(negative test 34, for device lists)"""
    raw = bytearray(data.draw(st.one_of(st.binary(max_size=400), st.just(FIRST.encode()), st.just(TWO))))
    for position in data.draw(st.lists(st.integers(0, max(0, len(raw) - 1)), max_size=4)):
        if raw:
            raw[position] = data.draw(st.integers(0, 255))
    try:
        parsed = SignedDeviceList.parse(bytes(raw))
    except EncodingError:
        return
    assert parsed.encode() == bytes(raw)
