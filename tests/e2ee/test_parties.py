"""Parties: facts come from accepted lists alone, and this device's secrets belong to its entry."""

import pytest

from secure_chat.directory.keys import DeviceId
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.e2ee.parties import Address, OwnParty, Party
from secure_chat.errors import DeviceUnknown
from tests.e2ee.pair import Side


def test_a_party_is_what_the_list_says() -> None:
    alice = Side("alice")
    device_list = alice.accepted.device_list
    party = Party.of(alice.accepted, device_list.devices[0].device_id)
    assert party.address == Address(device_list.user_id, device_list.devices[0].device_id)
    assert (party.signing_key, party.dh_key) == (
        device_list.devices[0].signing_key,
        device_list.devices[0].dh_key,
    )
    assert len(party.encode()) == 116


@pytest.mark.negative(7)
@pytest.mark.negative(38)
def test_a_device_that_is_not_in_the_list_is_no_party() -> None:
    alice = Side("alice")
    with pytest.raises(DeviceUnknown):
        Party.of(alice.accepted, DeviceId(alice.party.device_id + 1))


def test_this_device_is_in_its_list_with_the_keys_it_has() -> None:
    alice, bob = Side("alice"), Side("bob")
    secrets = bob.own.secrets
    for others in (
        DeviceSecrets(alice.party.device_id, secrets.signing_seed, alice.own.secrets.dh_secret),
        DeviceSecrets(alice.party.device_id, alice.own.secrets.signing_seed, secrets.dh_secret),
    ):
        with pytest.raises(DeviceUnknown):
            OwnParty.of(alice.accepted, others)
