"""A prekey's public halves belong to its secrets, and its device's signature covers both."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from nacl.bindings import crypto_scalarmult

from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.e2ee.ml_kem import private_key
from secure_chat.e2ee.prekey_secrets import SUITE_MAX, OneTimePrekeySecret, PrekeySecret, SignedPrekeySecret
from secure_chat.errors import SignatureError
from tests.client.vault.vaults import counting_bytes

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/e2ee/prekeys.json").read_text("utf-8"))
USER, OTHER_USER = UserId(b"u" * 16), UserId(b"v" * 16)
DEVICE = DeviceSecrets(DeviceId(7), b"\x22" * 32, b"\x33" * 32)
OTHER_DEVICE = DeviceSecrets(DeviceId(5), b"\x44" * 32, b"\x55" * 32)
NOW = 1_790_000_000_000


@pytest.fixture
def signed() -> SignedPrekeySecret:
    return SignedPrekeySecret.generate(DEVICE, USER, counting_bytes(), NOW)


@pytest.fixture
def once() -> OneTimePrekeySecret:
    return OneTimePrekeySecret.generate(DEVICE, USER, counting_bytes())


def test_both_kinds_pass_the_check_that_others_make(signed: SignedPrekeySecret, once: OneTimePrekeySecret) -> None:
    PublishedSignedPrekey.parse(signed.published.encode()).check_signature(DEVICE.signing_key, USER, DEVICE.device_id)
    PublishedOneTimePrekey.parse(once.published.encode()).check_signature(DEVICE.signing_key, USER, DEVICE.device_id)
    assert signed.published.prekey.created == NOW
    assert signed.published.prekey.suite_max == SUITE_MAX


def test_the_signature_serves_no_other_user_device_or_kind(
    signed: SignedPrekeySecret, once: OneTimePrekeySecret
) -> None:
    for published in (signed.published, once.published):
        with pytest.raises(SignatureError):
            published.check_signature(DEVICE.signing_key, OTHER_USER, DEVICE.device_id)
        with pytest.raises(SignatureError):
            published.check_signature(DEVICE.signing_key, USER, OTHER_DEVICE.device_id)
        with pytest.raises(SignatureError):
            published.check_signature(OTHER_DEVICE.signing_key, USER, DEVICE.device_id)
    swapped = dataclasses.replace(signed.published, signature=once.published.signature)
    with pytest.raises(SignatureError):
        swapped.check_signature(DEVICE.signing_key, USER, DEVICE.device_id)


def test_the_signature_covers_both_halves(signed: SignedPrekeySecret) -> None:
    other = PrekeySecret(b"\x66" * 32, b"\x77" * 64)
    prekey = signed.published.prekey
    for altered in (
        dataclasses.replace(prekey, dh_key=other.dh_key),
        dataclasses.replace(prekey, kem_key=other.kem_key),
        dataclasses.replace(prekey, created=NOW + 1),
        dataclasses.replace(prekey, suite_max=2),
    ):
        with pytest.raises(SignatureError):
            dataclasses.replace(signed.published, prekey=altered).check_signature(
                DEVICE.signing_key, USER, DEVICE.device_id
            )


def test_the_secrets_open_what_is_sealed_to_the_publics(once: OneTimePrekeySecret) -> None:
    prekey = once.published.prekey
    secret, ciphertext = MLKEM768PublicKey.from_public_bytes(prekey.kem_key.raw).encapsulate()
    assert private_key(once.secret.kem_seed).decapsulate(ciphertext) == secret
    assert crypto_scalarmult(once.secret.dh_secret, DEVICE.dh_key.raw) == crypto_scalarmult(
        DEVICE.dh_secret, prekey.dh_key.raw
    )


def test_a_hundred_prekeys_share_nothing() -> None:
    random = counting_bytes()
    made = [OneTimePrekeySecret.generate(DEVICE, USER, random) for _ in range(100)]
    for parts in (
        {one.published.prekey.prekey_id for one in made},
        {one.secret.dh_secret for one in made},
        {one.secret.kem_seed for one in made},
    ):
        assert len(parts) == 100


def test_secrets_do_not_show(signed: SignedPrekeySecret) -> None:
    assert repr(signed.secret) == "PrekeySecret()"
    assert signed.secret.kem_seed.hex() not in repr(signed)


def test_the_frozen_prekeys_are_made_again_byte_for_byte() -> None:
    device = DeviceSecrets(
        DeviceId(VECTORS["device_id"]),
        bytes.fromhex(VECTORS["signing_seed"]),
        bytes(32),
    )
    user_id = UserId(bytes.fromhex(VECTORS["user_id"]))
    signed, once = VECTORS["signed_prekey"], VECTORS["one_time_prekey"]
    made = SignedPrekeySecret.generate(device, user_id, drawing(signed), signed["created"])
    assert made.published.encode().hex() == signed["published"]
    made_once = OneTimePrekeySecret.generate(device, user_id, drawing(once))
    assert made_once.published.encode().hex() == once["published"]


def drawing(vector: dict[str, Any]) -> Callable[[int], bytes]:
    """The secrets of a vector, in the order in which they are drawn."""
    drawn = iter([bytes.fromhex(vector[part]) for part in ("dh_secret", "kem_seed", "prekey_id")])
    return lambda _: next(drawn)
