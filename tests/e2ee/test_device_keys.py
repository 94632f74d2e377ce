"""What a person's keys sign passes every check of the lists, and nothing else comes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from nacl.bindings import crypto_scalarmult
from nacl.signing import SigningKey

from secure_chat.directory.device_list import (
    NO_PREVIOUS,
    SignedDeviceList,
    check_first_contact,
    check_registration,
    check_successor,
)
from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.e2ee.device_keys import (
    DeviceSecrets,
    IdentitySecret,
    first_device_list,
    generate_user_id,
    identifier,
    recovered_device_list,
    reset_device_list,
)
from secure_chat.errors import DeviceListError, RecoveryKeyOther, SignatureError
from secure_chat.protocol.authentication import login_signature_payload, verify_login_signature
from tests.client.vault.vaults import counting_bytes

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors/e2ee/device_keys.json").read_text("utf-8"))
USER = UserId(b"u" * 16)
NOW = 1_790_000_000_000


@pytest.fixture
def identity() -> IdentitySecret:
    return IdentitySecret(b"\x11" * 32)


@pytest.fixture
def device() -> DeviceSecrets:
    return DeviceSecrets(DeviceId(7), b"\x22" * 32, b"\x33" * 32)


@pytest.fixture
def other_device() -> DeviceSecrets:
    return DeviceSecrets(DeviceId(5), b"\x44" * 32, b"\x55" * 32)


# --- keys ----------------------------------------------------------------------------------------


def test_all_randomness_is_handed_in() -> None:
    one, other = (DeviceSecrets.generate(counting_bytes()) for _ in range(2))
    assert one == other
    assert IdentitySecret.generate(counting_bytes()) == IdentitySecret.generate(counting_bytes())
    assert generate_user_id(counting_bytes()) == generate_user_id(counting_bytes())


def test_the_keys_of_a_device_are_drawn_apart_from_each_other() -> None:
    device = DeviceSecrets.generate(counting_bytes())
    assert device.signing_seed != device.dh_secret
    assert device.signing_key.raw == bytes(SigningKey(device.signing_seed).verify_key)
    assert device.signing_key.raw != device.dh_key.raw


def test_two_devices_agree_on_one_secret(device: DeviceSecrets, other_device: DeviceSecrets) -> None:
    one = crypto_scalarmult(device.dh_secret, other_device.dh_key.raw)
    assert one == crypto_scalarmult(other_device.dh_secret, device.dh_key.raw)


def test_an_identifier_is_never_zero() -> None:
    drawn = iter([bytes(4), bytes(4), b"\x00\x00\x00\x09"])
    assert identifier(lambda _: next(drawn), 4) == b"\x00\x00\x00\x09"


def test_secrets_do_not_show(identity: IdentitySecret, device: DeviceSecrets) -> None:
    shown = repr((identity, device))
    assert shown == "(IdentitySecret(), DeviceSecrets(device_id=7))"


def test_a_login_signature_is_the_devices_own(device: DeviceSecrets, other_device: DeviceSecrets) -> None:
    payload = login_signature_payload(b"s" * 32, USER, device.device_id, b"n" * 32, b"l" * 32)
    verify_login_signature(device.signing_key, device.sign(payload), payload)
    with pytest.raises(SignatureError):
        device.signing_key.verify_payload(payload, other_device.sign(payload))


# --- lists ---------------------------------------------------------------------------------------


def test_the_first_list_is_version_1_with_this_device_alone(identity: IdentitySecret, device: DeviceSecrets) -> None:
    accepted = check_registration(first_device_list(identity, device, USER, "alice", NOW).signed, "alice")
    own = accepted.device_list
    assert (own.version, own.prev_hash, own.created, len(own.devices)) == (1, NO_PREVIOUS, NOW, 1)
    assert own.devices[0].added_at == NOW
    assert own.identity_key == identity.public_key


@pytest.mark.negative(44)
def test_a_recovery_leaves_only_the_recovering_device(
    identity: IdentitySecret, device: DeviceSecrets, other_device: DeviceSecrets
) -> None:
    first = first_device_list(identity, device, USER, "alice", NOW)
    second = recovered_device_list(identity, other_device, first, NOW + 1)
    accepted = check_successor(first, second.signed)
    assert accepted.device_list.version == 2
    assert accepted.device_list.prev_hash == first.digest
    assert [entry.device_id for entry in accepted.device_list.devices] == [other_device.device_id]
    third = recovered_device_list(identity, DeviceSecrets.generate(counting_bytes()), second, NOW + 2)
    assert check_successor(second, third.signed).device_list.version == 3


@pytest.mark.negative(44)
def test_a_recovery_under_another_identity_is_refused(
    identity: IdentitySecret, device: DeviceSecrets, other_device: DeviceSecrets
) -> None:
    first = first_device_list(identity, device, USER, "alice", NOW)
    with pytest.raises(RecoveryKeyOther):
        recovered_device_list(IdentitySecret(b"\x12" * 32), other_device, first, NOW)


@pytest.mark.negative(44)
def test_a_recovery_upon_a_list_that_the_server_altered_is_refused_before(
    identity: IdentitySecret, device: DeviceSecrets
) -> None:
    """The newest list comes from the server: `check_first_contact` stands before every recovery."""
    signed = first_device_list(identity, device, USER, "alice", NOW).signed
    altered = bytearray(signed.encode())
    altered[-1] ^= 1
    with pytest.raises(SignatureError):
        check_first_contact(SignedDeviceList.parse(bytes(altered)), "alice")
    with pytest.raises(DeviceListError):
        check_first_contact(signed, "bob")


def test_a_reset_is_under_a_new_identity_and_links_to_what_was(
    identity: IdentitySecret, device: DeviceSecrets, other_device: DeviceSecrets
) -> None:
    first = first_device_list(identity, device, USER, "alice", NOW)
    renewed = IdentitySecret(b"\x12" * 32)
    accepted = check_successor(first, reset_device_list(renewed, other_device, first, NOW).signed)
    assert accepted.device_list.identity_key == renewed.public_key
    assert accepted.device_list.user_id == USER
    with pytest.raises(ValueError, match="new identity"):
        reset_device_list(identity, other_device, first, NOW)


def test_a_reset_that_keeps_a_device_is_refused(identity: IdentitySecret, device: DeviceSecrets) -> None:
    first = first_device_list(identity, device, USER, "alice", NOW)
    with pytest.raises(DeviceListError):
        reset_device_list(IdentitySecret(b"\x12" * 32), device, first, NOW)


def test_a_recovering_device_with_a_number_already_taken_is_refused(
    identity: IdentitySecret, device: DeviceSecrets, other_device: DeviceSecrets
) -> None:
    first = first_device_list(identity, device, USER, "alice", NOW)
    same_number = DeviceSecrets(device.device_id, other_device.signing_seed, other_device.dh_secret)
    with pytest.raises(DeviceListError):
        recovered_device_list(identity, same_number, first, NOW)


def test_the_frozen_lists_are_signed_again_byte_for_byte() -> None:
    identity = IdentitySecret(bytes.fromhex(VECTORS["identity_seed"]))
    devices = [
        DeviceSecrets(DeviceId(one["device_id"]), bytes.fromhex(one["signing_seed"]), bytes.fromhex(one["dh_secret"]))
        for one in VECTORS["devices"]
    ]
    user_id, name = UserId(bytes.fromhex(VECTORS["user_id"])), VECTORS["name"]
    first = first_device_list(identity, devices[0], user_id, name, VECTORS["created"][0])
    second = recovered_device_list(identity, devices[1], first, VECTORS["created"][1])
    assert [one.signed.encode().hex() for one in (first, second)] == VECTORS["signed_device_lists"]
    assert [one.digest.hex() for one in (first, second)] == VECTORS["digests"]
