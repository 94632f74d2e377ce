"""The key schedule against RFC 5869 and RFC 7748, and against another library."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.e2ee.key_schedule import (
    agree,
    chain_step,
    hkdf,
    hmac_digest,
    hmac_key,
    message_keys,
    root_step,
    setup_keys,
)
from secure_chat.encoding import tag
from secure_chat.errors import KeyWorthless


@pytest.mark.parametrize(
    ("secret", "salt", "info", "output"),
    [
        (
            b"\x0b" * 22,
            bytes(range(13)),
            bytes(range(0xF0, 0xFA)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            bytes(range(0x50)),
            hashlib.sha256(bytes(range(0x60, 0xB0))).digest(),  # as RFC 2104 shortens a long key
            bytes(range(0xB0, 0x100)),
            (
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"
            ),
        ),
        (
            b"\x0b" * 22,
            b"",
            b"",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
    ],
)
def test_hkdf_gives_what_rfc_5869_says(secret: bytes, salt: bytes, info: bytes, output: str) -> None:
    expected = bytes.fromhex(output)
    assert hkdf(salt, secret, info, len(expected)) == expected


@given(st.binary(max_size=64), st.binary(max_size=200))
def test_hmac_gives_what_the_standard_library_gives(key: bytes, message: bytes) -> None:
    assert hmac_digest(*hmac_key(key), message) == hmac.digest(key, message, "sha256")


@given(st.binary(max_size=64), st.binary(max_size=64), st.binary(max_size=64), st.integers(1, 300))
def test_hkdf_gives_what_another_library_gives(salt: bytes, secret: bytes, info: bytes, length: int) -> None:
    assert hkdf(salt, secret, info, length) == HKDF(SHA256(), length, salt, info).derive(secret)


def test_agreement_gives_what_rfc_7748_says() -> None:
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert agree(scalar, point).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"


@pytest.mark.negative(1)
@pytest.mark.parametrize("worthless", [bytes(32), b"\x01" + bytes(31), bytes(31) + b"\x80"])
def test_agreement_on_zero_is_refused(worthless: bytes) -> None:
    with pytest.raises(KeyWorthless):
        agree(b"\x11" * 32, worthless)


def test_each_step_is_what_protocol_md_says() -> None:
    key, agreed = b"r" * 32, b"d" * 32
    assert b"".join(root_step(key, agreed)) == hkdf(key, agreed, tag("root"), 64)
    assert chain_step(key) == (
        hmac.new(key, b"\x02", "sha256").digest(),
        hmac.new(key, b"\x01", "sha256").digest(),
    )
    first = b"\xff" * 32 + b"a" * 32 + b"b" * 32
    assert b"".join(setup_keys([b"a" * 32, b"b" * 32], b"t" * 32)) == hkdf(
        bytes(32), first, tag("init") + b"t" * 32, 64
    )
    keys = message_keys(key, b"associated")
    assert keys.key + keys.nonce + keys.commitment == hkdf(
        bytes(32), key, tag("msg") + hashlib.sha256(b"associated").digest(), 88
    )
    assert (len(keys.key), len(keys.nonce), len(keys.commitment)) == (32, 24, 32)
    assert repr(keys) == "<MessageKeys>"


def test_an_empty_salt_is_one_of_zeros() -> None:
    assert hkdf(b"", b"s", b"i", 32) == hkdf(bytes(32), b"s", b"i", 32)
