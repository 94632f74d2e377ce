"""Recovery under the same identity, identity reset by an administrator's link, and what becomes of the old device."""

import dataclasses
import secrets

import msgspec
import pytest

from secure_chat.directory.leaf import LeafType
from secure_chat.e2ee.device_keys import DeviceSecrets, IdentitySecret
from secure_chat.errors import (
    AuthenticationFailed,
    DeviceElsewhere,
    DeviceListConflict,
    DeviceListError,
    DeviceListOutdated,
    InviteBound,
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    SignatureError,
    TokenUnknown,
)
from secure_chat.protocol.authentication import resume_token_hash
from secure_chat.storage.entries import ChangePassphrase, PostMessage, SetAccountState
from secure_chat.storage.outcomes import LoggedIn, SessionsEnded
from tests.storage.opened import HOUR_MS, NEW_HASH, Member, Opened, login, registration, replacement, resume
from tests.support.people import make_person


def recovered(member: Member, new: DeviceSecrets) -> Member:
    return dataclasses.replace(member, device=new.device_id)


def test_recovery_puts_the_new_device_in_place_of_the_old_one(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)

    committed = opened.commit(new.recovery(alice))

    [welcome] = committed.outcomes
    assert isinstance(welcome, LoggedIn)
    assert (welcome.device, welcome.device_list_version, welcome.counter_before) == (new.device.device_id, 2, 0)
    assert welcome.token_is_new
    [ended] = committed.changes
    assert isinstance(ended, SessionsEnded)
    assert (ended.account, ended.device, type(ended.error)) == (alice.account, alice.device, DeviceElsewhere)
    assert type(opened.refusal(resume(alice, resume_token_hash(alice.person.resume_token)))) is TokenUnknown
    assert type(opened.refusal(login(alice))) is AuthenticationFailed
    with opened.reader() as reader:
        rows = reader.directory_rows()
        details = reader.user("alice")
    assert [(row.row, row.type, row.version) for row in rows] == [
        (0, LeafType.IDENTITY, 1),
        (1, LeafType.DEVICE_LIST, 2),
    ]
    assert details is not None
    assert [device.device_id for device in details.devices] == [new.device.device_id]


def test_a_time_that_no_row_can_hold_is_refused(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    late = dataclasses.replace(new, device_list=replacement(alice, 2**63, device=new.device).device_list)

    assert type(opened.refusal(late.recovery(alice))) is DeviceListError
    assert isinstance(opened.outcome(new.recovery(alice)), LoggedIn)


def test_the_new_login_secret_counts_and_rooms_and_role_stay(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    opened.commit(new.recovery(alice))

    again = dataclasses.replace(
        alice, device=new.device.device_id, device_list=new.device_list, password_hash=b"new hash"
    )
    welcome = opened.settled(login(again), LoggedIn)

    assert [room.room for room in welcome.rooms] == ["lobby"]
    assert welcome.counter_before == 1


def test_the_same_recovery_again_gets_the_same_answer(opened: Opened) -> None:
    alice = opened.register("alice")
    for by_link in (False, True):
        token_hash = opened.reset_link("alice") if by_link else None
        new = replacement(alice, opened.now)
        entry = new.recovery(alice, token_hash=token_hash)
        first = opened.settled(entry, LoggedIn)

        committed = opened.commit(msgspec.structs.replace(entry, repeat=True, resume_token_hash=b"t" * 32))

        assert committed.outcomes == [first]
        assert committed.changes == []
        assert type(opened.refusal(entry)) is (DeviceListOutdated if token_hash is None else InviteUsed)
        alice = dataclasses.replace(alice, device_list=new.device_list, device=new.device.device_id)


@pytest.mark.negative(44)
def test_without_a_reset_link_nobody_changes_the_identity(opened: Opened) -> None:
    """(negative test 44)"""
    alice = opened.register("alice")
    stranger = IdentitySecret.generate(secrets.token_bytes)
    new = replacement(alice, opened.now, identity=stranger)

    assert isinstance(opened.refusal(new.recovery(alice)), DeviceListError)
    assert isinstance(opened.outcome(login(alice)), LoggedIn)


@pytest.mark.negative(44)
def test_a_reset_is_a_new_identity_under_the_same_account(opened: Opened) -> None:
    """(negative test 44)"""
    alice = opened.register("alice")
    token_hash = opened.reset_link("alice")
    new = replacement(alice, opened.now, identity=IdentitySecret.generate(secrets.token_bytes))

    welcome = opened.settled(new.recovery(alice, token_hash=token_hash), LoggedIn)

    assert (welcome.account, welcome.user_id) == (alice.account, alice.person.user_id)
    with opened.reader() as reader:
        assert [row.type for row in reader.directory_rows()] == [LeafType.IDENTITY, LeafType.IDENTITY]
    other = replacement(
        dataclasses.replace(alice, device_list=new.device_list),
        opened.now,
        identity=IdentitySecret.generate(secrets.token_bytes),
    )
    assert type(opened.refusal(other.recovery(alice, token_hash=token_hash))) is InviteUsed


def test_a_reset_link_serves_its_account_in_time_and_only_it(opened: Opened) -> None:
    alice, eve = opened.register("alice"), opened.register("eve")
    new, of_eve = replacement(alice, opened.now), replacement(eve, opened.now)
    older, newer = opened.reset_link("alice"), opened.reset_link("alice")

    assert type(opened.refusal(of_eve.recovery(eve, token_hash=newer))) is InviteBound
    assert type(opened.refusal(new.recovery(alice, token_hash=older))) is InviteUnknown  # a newer one was made
    assert type(opened.refusal(new.recovery(alice, token_hash=opened.invite()))) is InviteUnknown
    opened.now += 73 * HOUR_MS
    assert type(opened.refusal(new.recovery(alice, token_hash=newer))) is InviteExpired


def test_a_reset_link_ends_all_sessions_and_the_passphrase_at_once(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)

    token_hash = opened.reset_link("alice")

    assert type(opened.refusal(resume(alice, resume_token_hash(alice.person.resume_token)))) is TokenUnknown
    for late in (  # checked before the reset, decided after it
        login(alice),
        ChangePassphrase(alice.account, alice.device, alice.password_hash, b"other"),
        new.recovery(alice),
    ):
        assert type(opened.refusal(late)) is AuthenticationFailed
    emptied = dataclasses.replace(alice, password_hash=b"")
    assert type(opened.refusal(new.recovery(emptied))) is AuthenticationFailed
    with opened.reader() as reader:
        known = reader.credentials("alice")
    assert known is not None
    assert known.password_hash == b""
    assert isinstance(opened.outcome(new.recovery(alice, token_hash=token_hash)), LoggedIn)


def test_a_login_without_device_from_before_a_changed_passphrase_recovers_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(ChangePassphrase(alice.account, alice.device, alice.password_hash, b"changed"))

    assert type(opened.refusal(replacement(alice, opened.now).recovery(alice))) is AuthenticationFailed


def test_a_repeated_recovery_that_was_checked_before_a_reset_or_a_change_logs_nobody_in(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    entry = new.recovery(alice)
    opened.settled(entry, LoggedIn)
    repeated = msgspec.structs.replace(entry, repeat=True, resume_token_hash=b"t" * 32)

    opened.commit(ChangePassphrase(alice.account, new.device.device_id, entry.password_hash, b"changed"))
    assert type(opened.refusal(repeated)) is AuthenticationFailed
    opened.reset_link("alice")
    assert type(opened.refusal(repeated)) is AuthenticationFailed


@pytest.mark.negative(44)
def test_a_recovery_against_an_older_list_is_refused(opened: Opened) -> None:
    """(negative tests 38 and 44)"""
    alice = opened.register("alice")
    first, second = replacement(alice, opened.now), replacement(alice, opened.now)
    opened.commit(first.recovery(alice))

    assert type(opened.refusal(second.recovery(alice))) is DeviceListConflict
    current = dataclasses.replace(alice, device_list=first.device_list, password_hash=NEW_HASH)
    third = replacement(current, opened.now)
    assert isinstance(opened.outcome(third.recovery(current)), LoggedIn)
    assert type(opened.refusal(second.recovery(alice))) is DeviceListOutdated


@pytest.mark.negative(44)
def test_a_recovered_list_holds_the_recovering_device_alone(opened: Opened) -> None:
    """(negative test 44)"""
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    old_entry = alice.device_list.device_list.devices[0]
    entries = sorted((old_entry, new.device_list.device_list.devices[0]), key=lambda entry: entry.device_id)
    both = alice.person.identity.sign(dataclasses.replace(new.device_list.device_list, devices=tuple(entries)))
    entry = msgspec.structs.replace(new.recovery(alice), device_list=both.encode())

    assert isinstance(opened.refusal(entry), DeviceListError)
    assert isinstance(
        opened.refusal(msgspec.structs.replace(new.recovery(alice), device=alice.device)), DeviceListError
    )


def test_a_device_number_and_its_keys_never_part(opened: Opened) -> None:
    """(negative test 38)"""
    alice = opened.register("alice")
    first = replacement(alice, opened.now)
    opened.commit(first.recovery(alice))
    current = dataclasses.replace(alice, device_list=first.device_list, password_hash=NEW_HASH)
    old = alice.person.device
    number_again = dataclasses.replace(DeviceSecrets.generate(secrets.token_bytes), device_id=old.device_id)
    keys_again = dataclasses.replace(old, device_id=DeviceSecrets.generate(secrets.token_bytes).device_id)

    for device in (number_again, keys_again):
        new = replacement(current, opened.now, device=device)
        assert isinstance(opened.refusal(new.recovery(alice)), DeviceListError)
    opened.reopen()
    back = replacement(current, opened.now, device=old)  # the same device may come back; it is known
    assert opened.settled(back.recovery(current), LoggedIn).counter_before == 1


def test_a_new_identity_takes_no_device_of_the_old_one(opened: Opened) -> None:
    alice = opened.register("alice")
    first = replacement(alice, opened.now)
    opened.commit(first.recovery(alice))
    current = dataclasses.replace(alice, device_list=first.device_list)
    stranger = IdentitySecret.generate(secrets.token_bytes)
    new = replacement(current, opened.now, identity=stranger, device=alice.person.device)

    refused = opened.refusal(new.recovery(alice, token_hash=opened.reset_link("alice")))

    assert isinstance(refused, DeviceListError)


def test_a_recovery_with_anothers_device_keys_is_refused(opened: Opened) -> None:
    """(negative test 59)"""
    alice, bob = opened.register("alice"), opened.register("bob")
    new = replacement(alice, opened.now, device=bob.person.device)

    assert isinstance(opened.refusal(new.recovery(alice)), DeviceListError)


def test_a_recovery_whose_list_is_not_signed_is_refused(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    data = bytearray(new.device_list.signed.encode())
    data[-1] ^= 1

    refused = opened.refusal(msgspec.structs.replace(new.recovery(alice), device_list=bytes(data)))

    assert isinstance(refused, SignatureError)


def test_only_the_account_that_logged_in_is_recovered(opened: Opened) -> None:
    alice, eve = opened.register("alice"), opened.register("eve")
    new = replacement(alice, opened.now)

    assert isinstance(opened.refusal(msgspec.structs.replace(new.recovery(alice), account=eve.account)), TokenUnknown)
    assert isinstance(opened.refusal(msgspec.structs.replace(new.recovery(alice), account=None)), AuthenticationFailed)


def test_a_disabled_account_is_not_recovered(opened: Opened) -> None:
    alice = opened.register("alice")
    token_hash = opened.reset_link("alice")
    opened.commit(SetAccountState("alice", "disabled"))
    new = replacement(alice, opened.now)

    assert isinstance(opened.refusal(new.recovery(alice)), TokenUnknown)
    assert isinstance(opened.refusal(new.recovery(alice, token_hash=token_hash)), InviteUnknown)


def test_what_the_old_device_sent_stays_and_its_passphrase_is_gone(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "from the old one")
    new = replacement(alice, opened.now)
    opened.commit(new.recovery(alice))

    late = ChangePassphrase(alice.account, new.device.device_id, b"hash of alice", b"other")
    assert isinstance(opened.refusal(late), AuthenticationFailed)
    opened.commit(PostMessage(alice.account, new.device.device_id, "lobby", b"i" * 16, "from the new one"))
    assert len(opened.events("lobby")) == 3


def test_a_name_that_nobody_has_cannot_be_recovered(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    entry = msgspec.structs.replace(new.recovery(alice, token_hash=b"?" * 32), name="nobody")

    assert isinstance(opened.refusal(entry), InviteUnknown)
    assert isinstance(opened.outcome(registration(make_person("nobody"), opened.invite())), LoggedIn)
