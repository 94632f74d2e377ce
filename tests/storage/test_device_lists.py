"""Device lists as people read them, and the key under which a device's prekeys are checked."""

import secrets

import pytest

from secure_chat.directory.device_list import SignedDeviceList
from secure_chat.errors import UserUnknown
from secure_chat.storage.entries import SetAccountState
from secure_chat.storage.outcomes import LoggedIn
from secure_chat.storage.records import DeviceKey, SignedLists
from tests.storage.opened import Member, NewDevice, Opened, replacement


def recovered(opened: Opened, member: Member, times: int) -> tuple[Member, list[bytes]]:
    """After so many recoveries, with all lists from the first on."""
    lists = [member.device_list.signed.encode()]
    for _ in range(times):
        new: NewDevice = replacement(member, opened.now)
        opened.settled(new.recovery(member), LoggedIn)
        lists.append(new.device_list.signed.encode())
        member = Member(member.person, member.account, new.device.device_id, b"new hash", new.device_list)
    return member, lists


def test_the_newest_list_is_found_by_name_or_user_id(opened: Opened) -> None:
    _, lists = recovered(opened, opened.register("alice"), 2)
    user_id = SignedDeviceList.parse(lists[0]).device_list.user_id

    with opened.reader() as reader:
        expected = SignedLists(user_id, "alice", "enabled", (lists[-1],), False)
        assert reader.device_lists(name="alice") == expected
        assert reader.device_lists(user_id=user_id) == expected
        for after in range(1, 4):
            assert reader.device_lists(user_id=user_id, after=after).lists == tuple(lists[after:])
        assert reader.device_lists(name="alice", after=99).lists == ()
        for name, unknown in (("nobody", b""), ("", secrets.token_bytes(16)), ("", b"")):
            with pytest.raises(UserUnknown):
                reader.device_lists(name=name, user_id=unknown)


def test_lists_come_in_pages_from_which_one_goes_on(opened: Opened) -> None:
    _, lists = recovered(opened, opened.register("alice"), 220)
    found = list(lists[:1])
    pages = 0
    with opened.reader() as reader:
        more = True
        while more:
            page = reader.device_lists(name="alice", after=SignedDeviceList.parse(found[-1]).device_list.version)
            found += page.lists
            more, pages = page.more, pages + 1
            assert sum(map(len, page.lists)) < 64 * 1024

    assert found == lists
    assert pages == 2


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_the_state_of_an_account_is_told_with_its_lists(opened: Opened, state: str) -> None:
    alice = opened.register("alice")
    opened.commit(SetAccountState("alice", state))
    with opened.reader() as reader:
        found = reader.device_lists(name="alice")
        assert (found.state, found.lists) == (state, (alice.device_list.signed.encode(),))


def test_a_devices_key_is_known_while_it_is_listed(opened: Opened) -> None:
    before = opened.register("alice")
    key = before.person.device.signing_key.raw
    with opened.reader() as reader:
        assert reader.device_key(before.account, before.device) == DeviceKey(before.person.user_id, key)
        assert reader.device_key(before.account, before.device ^ 1) is None
        after, _ = recovered(opened, before, 1)
        assert reader.device_key(before.account, before.device) is None
        found = reader.device_key(after.account, after.device)
        assert found is not None
        assert found.signing_key != key
