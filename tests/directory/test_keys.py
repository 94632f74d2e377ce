"""Public keys: only libsodium's strict verification, and no key with which every secret is zero."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_scalarmult
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey

from secure_chat.directory.keys import (
    DeviceDhKey,
    DeviceSigningKey,
    DhPublicKey,
    IdentityPublicKey,
    checked_device_id,
)
from secure_chat.encoding import tag
from secure_chat.errors import EncodingError, SignatureError
from tests.directory.people import drawn

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
BIT_255 = 2**255

# Points of order 1, 2, 4 and 8 on edwards25519, then every other way to write one of them.
SMALL_ORDER_ED25519 = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
LOW_ORDER_U = [
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    PRIME - 1,
    PRIME,
    PRIME + 1,
]


def little_endian(number: int) -> bytes:
    return number.to_bytes(32, "little")


def test_a_signature_holds_under_its_key_tag_and_message_only() -> None:
    signer = SigningKey(drawn("signer", 32))
    key = DeviceSigningKey(bytes(signer.verify_key))
    signature = bytes(signer.sign(tag("login") + b"message").signature)
    key.verify_payload(tag("login") + b"message", signature)
    other = IdentityPublicKey(bytes(SigningKey(drawn("other", 32)).verify_key))
    for claimed, name, message, claimed_signature in (
        (other, "login", b"message", signature),
        (key, "devlist", b"message", signature),
        (key, "login", b"messagf", signature),
        (key, "login", b"message", bytes(64)),
        (key, "login", b"message", signature[:-1]),
        (key, "login", b"message", signature + b"\x00"),
        (key, "login", b"message", b""),
    ):
        with pytest.raises(SignatureError):
            claimed.verify_payload(tag(name) + message, claimed_signature)


@pytest.mark.negative(2)
@pytest.mark.parametrize("key", SMALL_ORDER_ED25519)
@pytest.mark.parametrize("kind", [IdentityPublicKey, DeviceSigningKey])
@pytest.mark.parametrize("response", [0, 1, 5])
def test_a_small_order_or_non_canonical_ed25519_key_verifies_nothing(
    key: str, kind: type[IdentityPublicKey] | type[DeviceSigningKey], response: int
) -> None:
    """(negative test 2) With such a key R = S·B satisfies the equation for one message in eight, or for every one."""
    point = bytes.fromhex(key)
    for message in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h", b"i"):
        for commitment in (bytes.fromhex(SMALL_ORDER_ED25519[0]), point):
            with pytest.raises(SignatureError):
                kind(point).verify_payload(tag("devlist") + message, commitment + little_endian(response))


@pytest.mark.negative(2)
def test_another_library_accepts_the_forgery_that_is_refused_here() -> None:
    """(negative test 2, control) Otherwise the test above could not fail."""
    neutral = bytes.fromhex(SMALL_ORDER_ED25519[0])
    forged = neutral + little_endian(0)
    Ed25519PublicKey.from_public_bytes(neutral).verify(forged, tag("devlist") + b"whatever")
    with pytest.raises(SignatureError):
        IdentityPublicKey(neutral).verify_payload(tag("devlist") + b"whatever", forged)


@pytest.mark.negative(2)
def test_a_signature_cannot_be_made_another_one_by_adding_the_order() -> None:
    """(negative test 2)"""
    signer = SigningKey(drawn("signer", 32))
    signature = bytes(signer.sign(tag("login")).signature)
    second = little_endian(int.from_bytes(signature[32:], "little") + ORDER)
    with pytest.raises(SignatureError):
        DeviceSigningKey(bytes(signer.verify_key)).verify_payload(tag("login"), signature[:32] + second)


@pytest.mark.negative(49)
@pytest.mark.parametrize("kind", [IdentityPublicKey, DeviceSigningKey, DeviceDhKey])
@pytest.mark.parametrize("width", [0, 31, 33])
def test_a_key_of_another_width_is_refused(
    kind: type[IdentityPublicKey] | type[DeviceSigningKey] | type[DeviceDhKey], width: int
) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        kind(b"\x09" * width)


@pytest.mark.negative(1)
@pytest.mark.parametrize("point", LOW_ORDER_U)
@pytest.mark.parametrize("bit_255", [0, BIT_255])
def test_a_low_order_x25519_key_is_refused(point: int, bit_255: int) -> None:
    """(negative test 1, as far as parsing goes)"""
    with pytest.raises(EncodingError, match="low order"):
        DeviceDhKey(little_endian(point + bit_255))


@pytest.mark.negative(1)
@given(st.one_of(st.binary(min_size=32, max_size=32), st.integers(PRIME - 3, 2**255 - 1).map(little_endian)))
def test_exactly_the_keys_that_libsodium_refuses_are_refused(raw: bytes) -> None:
    """(negative test 1, as far as parsing goes)"""
    try:
        crypto_scalarmult(drawn("any secret", 32), raw)
    except CryptoError:
        with pytest.raises(EncodingError):
            DhPublicKey(raw)
    else:
        DhPublicKey(raw)


@given(st.integers(2, 18), st.booleans())
def test_two_ways_to_write_one_x25519_key_are_the_same_key(point: int, bit: bool) -> None:
    key = DeviceDhKey(little_endian(point))
    for other in (point + PRIME, point + BIT_255, point + PRIME + BIT_255 * bit):
        twin = DeviceDhKey(little_endian(other))
        assert twin.point == key.point
        assert twin != key  # the bytes differ, and bytes are what is signed
        secret = drawn("any secret", 32)
        assert crypto_scalarmult(secret, twin.raw) == crypto_scalarmult(secret, key.raw)
    assert key.point != DeviceDhKey(little_endian(point + 100)).point


@pytest.mark.negative(49)
@pytest.mark.parametrize("number", [-1, 0, 2**32])
def test_a_device_has_a_number_of_32_bits_that_is_not_zero(number: int) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        checked_device_id(number)


def test_the_first_and_the_last_number_of_a_device_are_fine() -> None:
    assert (checked_device_id(1), checked_device_id(2**32 - 1)) == (1, 2**32 - 1)
