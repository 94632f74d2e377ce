"""What a new vault holds passes every check that the server and others will make."""

import os

import pytest

from secure_chat.client.vault.enrolment import recover, register, reset
from secure_chat.client.vault.records import Enrolment
from secure_chat.directory.device_list import check_registration, check_successor
from secure_chat.errors import RecoveryKeyOther
from tests.client.vault.vaults import NOW_MS, server_facts

SERVER = server_facts()


def test_a_registration_is_version_1_with_a_signed_prekey_of_its_device() -> None:
    new = register(SERVER, "alice", os.urandom, NOW_MS)
    accepted = check_registration(new.device.device_list.signed, "alice")
    own = accepted.device(new.device.keys.device_id)
    new.prekey.published.check_signature(own.signing_key, new.account.user_id, own.device_id)
    assert new.device.enrolment is Enrolment.REGISTRATION
    assert accepted.device_list.identity_key == new.identity.public_key
    assert (new.account.name, new.account.host, new.account.server_id) == ("alice", SERVER.host, SERVER.server_id)
    assert new.prekey.published.prekey.created == NOW_MS


def test_two_registrations_share_nothing() -> None:
    one, other = (register(SERVER, "alice", os.urandom, NOW_MS) for _ in range(2))
    assert one.account.user_id != other.account.user_id
    assert one.device.keys != other.device.keys
    assert one.identity != other.identity


def test_a_recovery_keeps_the_account_and_the_identity_and_replaces_the_device() -> None:
    before = register(SERVER, "alice", os.urandom, NOW_MS)
    newest = before.device.device_list
    new = recover(SERVER, before.identity.seed, newest, os.urandom, NOW_MS + 5)
    accepted = check_successor(newest, new.device.device_list.signed)
    assert accepted.device_list.version == 2
    assert [device.device_id for device in accepted.device_list.devices] == [new.device.keys.device_id]
    assert new.account.user_id == before.account.user_id
    assert new.identity == before.identity
    assert new.device.keys != before.device.keys
    assert new.device.enrolment is Enrolment.RECOVERY


def test_a_recovery_key_of_another_account_is_refused() -> None:
    before, other = (register(SERVER, name, os.urandom, NOW_MS) for name in ("alice", "bob"))
    with pytest.raises(RecoveryKeyOther) as refusal:
        recover(SERVER, other.identity.seed, before.device.device_list, os.urandom, NOW_MS)
    assert refusal.value.code == "recovery.other_account"


def test_a_reset_keeps_the_account_and_nothing_else() -> None:
    before = register(SERVER, "alice", os.urandom, NOW_MS)
    newest = before.device.device_list
    new = reset(SERVER, newest, os.urandom, NOW_MS + 5)
    accepted = check_successor(newest, new.device.device_list.signed)
    assert accepted.device_list.version == 2
    assert accepted.device_list.identity_key != newest.device_list.identity_key
    assert new.account.user_id == before.account.user_id
    assert new.device.enrolment is Enrolment.RESET
