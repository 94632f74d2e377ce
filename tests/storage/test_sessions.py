"""Login, resume and the two-phase rotation of resume tokens."""

import dataclasses
import secrets

import msgspec
import pytest

from secure_chat.directory.device_list import check_first_contact
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    DeviceSignatureInvalid,
    TokenReused,
    TokenUnknown,
)
from secure_chat.limits import (
    RESUME_TOKEN_IDLE_DAYS,
    RESUME_TOKEN_REUSE_GRACE_SECONDS,
    RESUME_TOKEN_ROTATION_HOURS,
)
from secure_chat.protocol.authentication import resume_token_hash
from secure_chat.storage.entries import (
    ChangePassphrase,
    ConfirmToken,
    EndSession,
    LogIn,
    RevokeSessions,
    SetAccountState,
    TouchSession,
)
from secure_chat.storage.outcomes import LoggedIn, Refused, SessionsEnded, Settled
from tests.storage.opened import DAY_MS, HOUR_MS, Member, Opened, login, member_of, registration, resume
from tests.support.people import make_person

ROTATION_MS = RESUME_TOKEN_ROTATION_HOURS * HOUR_MS
GRACE_MS = RESUME_TOKEN_REUSE_GRACE_SECONDS * 1000


def first_token(member: Member) -> bytes:
    return resume_token_hash(member.person.resume_token)


def rotated(opened: Opened, member: Member) -> bytes:
    """Let a day pass and resume: the pending successor's hash."""
    successor = secrets.token_bytes(32)
    opened.now += ROTATION_MS
    assert opened.settled(resume(member, first_token(member), successor=successor), LoggedIn).token_is_new
    return successor


def refused_with(opened: Opened, kind: type[ChatError], *tokens: bytes, member: Member) -> None:
    for token_hash in tokens:
        assert type(opened.refusal(resume(member, token_hash))) is kind


# --- login ---------------------------------------------------------------------------------------


def test_a_login_gets_the_rooms_the_role_and_a_first_token(opened: Opened) -> None:
    alice = opened.register("alice")

    welcome = opened.settled(login(alice, token_hash=b"t" * 32), LoggedIn)

    assert (welcome.name, welcome.user_id, welcome.device_list_version) == ("alice", alice.person.user_id, 1)
    assert [room.room for room in welcome.rooms] == ["lobby"]
    assert welcome.token_is_new
    assert isinstance(opened.outcome(resume(alice, b"t" * 32, counter=3)), LoggedIn)


def test_a_login_ends_the_tokens_of_its_device(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(login(alice))

    refused_with(opened, TokenUnknown, first_token(alice), member=alice)


@pytest.mark.parametrize(
    "change",
    [
        {"password_hash": b"another hash"},
        {"password_hash": b""},
        {"device_list_hash": b"d" * 32},
        {"device": 4711},
        {"account": 4711},
    ],
)
def test_a_login_counts_only_while_what_it_was_checked_against_still_holds(
    opened: Opened, change: dict[str, bytes | int]
) -> None:
    alice = opened.register("alice")

    assert type(opened.refusal(msgspec.structs.replace(login(alice), **change))) is AuthenticationFailed


@pytest.mark.parametrize("state", ["disabled", "deleted"])
def test_disabled_and_deleted_accounts_log_in_no_more(opened: Opened, state: str) -> None:
    alice = opened.register("alice")
    opened.commit(SetAccountState("alice", state))

    assert type(opened.refusal(login(alice))) is AuthenticationFailed
    refused_with(opened, TokenUnknown, first_token(alice), member=alice)


def test_each_login_and_resume_is_told_the_highest_counter_before_it(opened: Opened) -> None:
    """(negative test 62)"""
    alice = opened.register("alice")
    token = first_token(alice)

    seen = [opened.settled(resume(alice, token, counter=counter), LoggedIn).counter_before for counter in (2, 3, 7, 8)]
    # a clone that is behind: told a counter that is not below its own, and the highest stays
    behind = opened.settled(resume(alice, token, counter=4), LoggedIn).counter_before
    same = opened.settled(login(alice, counter=8), LoggedIn).counter_before
    after = opened.settled(login(alice, counter=9), LoggedIn).counter_before

    assert seen == [1, 2, 3, 7]
    assert (behind, same, after) == (8, 8, 8)


# --- resume --------------------------------------------------------------------------------------


@pytest.mark.negative(47)
def test_a_resume_needs_the_devices_signature_over_this_connection(opened: Opened) -> None:
    """(negative test 47)"""
    alice, eve = opened.register("alice"), opened.register("eve")
    good = resume(alice, first_token(alice))
    changes: list[dict[str, bytes]] = [
        {"signature": bytes(64)},
        {"nonce": b"N" * 32},
        {"leaf_hash": b"L" * 32},
        {"server_id": b"S" * 32},
        {"signature": resume(eve, b"").signature},
    ]

    for change in changes:
        assert type(opened.refusal(msgspec.structs.replace(good, **change))) is DeviceSignatureInvalid
    assert type(opened.refusal(msgspec.structs.replace(good, device=eve.device))) is TokenUnknown
    assert opened.settled(good, LoggedIn).counter_before == 1  # none of them raised the counter


def test_within_a_day_the_token_stays(opened: Opened) -> None:
    alice = opened.register("alice")

    for _ in range(3):
        opened.now += ROTATION_MS // 4
        assert not opened.settled(resume(alice, first_token(alice)), LoggedIn).token_is_new


@pytest.mark.negative(61)
def test_a_lost_reply_while_a_token_rotates_locks_nobody_out(opened: Opened) -> None:
    """(negative test 61)"""
    alice = opened.register("alice")
    lost = rotated(opened, alice)

    second = secrets.token_bytes(32)
    again = opened.settled(resume(alice, first_token(alice), successor=second), LoggedIn)

    assert again.token_is_new
    refused_with(opened, TokenUnknown, lost, member=alice)
    assert not opened.settled(resume(alice, second), LoggedIn).token_is_new


@pytest.mark.parametrize("by", ["confirmation", "resume"])
def test_the_old_token_ends_only_when_the_new_one_is_confirmed(opened: Opened, by: str) -> None:
    alice = opened.register("alice")
    successor = rotated(opened, alice)
    assert isinstance(opened.outcome(resume(alice, first_token(alice), successor=successor)), LoggedIn)

    if by == "confirmation":
        assert opened.outcome(ConfirmToken(alice.account, alice.device, successor)) == Settled()
        assert opened.outcome(ConfirmToken(alice.account, alice.device, successor)) == Settled()
    else:
        assert not opened.settled(resume(alice, successor), LoggedIn).token_is_new

    refused_with(opened, TokenUnknown, first_token(alice), member=alice)
    assert isinstance(opened.outcome(resume(alice, successor)), LoggedIn)


def test_a_token_is_confirmed_by_its_own_device_alone(opened: Opened) -> None:
    alice, eve = opened.register("alice"), opened.register("eve")
    successor = rotated(opened, alice)

    assert type(opened.refusal(ConfirmToken(eve.account, eve.device, successor))) is TokenUnknown
    assert type(opened.refusal(ConfirmToken(alice.account, alice.device, b"?" * 32))) is TokenUnknown
    assert isinstance(opened.outcome(resume(alice, first_token(alice))), LoggedIn)


@pytest.mark.negative(61)
def test_a_spent_token_shown_a_minute_later_ends_the_whole_family_and_both_sides_are_told(opened: Opened) -> None:
    """(negative test 61)"""
    alice = opened.register("alice")
    successor = rotated(opened, alice)
    opened.commit(ConfirmToken(alice.account, alice.device, successor))

    opened.now += GRACE_MS
    refused_with(opened, TokenUnknown, first_token(alice), member=alice)
    assert isinstance(opened.outcome(resume(alice, successor)), LoggedIn)
    opened.now += 1
    committed = opened.commit(resume(alice, first_token(alice)))

    [outcome] = committed.outcomes
    assert isinstance(outcome, Refused)
    assert type(outcome.error) is TokenReused
    [ended] = committed.changes
    assert isinstance(ended, SessionsEnded)
    assert (ended.account, ended.device, type(ended.error)) == (alice.account, alice.device, TokenReused)
    opened.reopen()
    refused_with(opened, TokenReused, successor, first_token(alice), member=alice)
    assert type(opened.refusal(ConfirmToken(alice.account, alice.device, successor))) is TokenReused
    assert isinstance(opened.outcome(login(alice, token_hash=b"t" * 32)), LoggedIn)
    assert isinstance(opened.outcome(resume(alice, b"t" * 32)), LoggedIn)
    refused_with(opened, TokenUnknown, successor, first_token(alice), member=alice)


@pytest.mark.negative(61)
def test_any_older_token_of_the_family_is_known_as_spent(opened: Opened) -> None:
    alice = opened.register("alice")
    tokens = [first_token(alice)]
    for _ in range(3):
        successor = secrets.token_bytes(32)
        opened.now += ROTATION_MS
        opened.commit(
            resume(alice, tokens[-1], successor=successor), ConfirmToken(alice.account, alice.device, successor)
        )
        tokens.append(successor)
    opened.now += GRACE_MS + 1

    assert isinstance(opened.outcome(resume(alice, tokens[-1])), LoggedIn)
    refused_with(opened, TokenReused, tokens[0], tokens[-1], member=alice)


def test_a_token_idle_for_30_days_is_unknown_and_its_row_goes(opened: Opened) -> None:
    alice, bob, carol = opened.register("alice"), opened.register("bob"), opened.register("carol")
    opened.now += 5 * DAY_MS
    opened.commit(resume(bob, first_token(bob)))
    opened.commit(TouchSession(carol.account, carol.device))

    opened.now += RESUME_TOKEN_IDLE_DAYS * DAY_MS - 5 * DAY_MS + 1

    refused_with(opened, TokenUnknown, first_token(alice), member=alice)
    while opened.store.maintain(opened.now, idle=True):
        pass
    with opened.reader() as reader:
        assert [session.name for session in reader.sessions().sessions] == ["bob", "carol"]
    assert isinstance(opened.outcome(resume(bob, first_token(bob))), LoggedIn)
    assert isinstance(opened.outcome(resume(carol, first_token(carol))), LoggedIn)


def test_logout_ends_the_tokens_of_this_device(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")

    assert opened.outcome(EndSession(alice.account, alice.device)) == Settled()

    refused_with(opened, TokenUnknown, first_token(alice), member=alice)
    assert isinstance(opened.outcome(resume(bob, first_token(bob))), LoggedIn)


def test_an_administrator_logs_somebody_out_everywhere(opened: Opened) -> None:
    alice = opened.register("alice")

    committed = opened.commit(RevokeSessions("alice"))

    [ended] = committed.changes
    assert isinstance(ended, SessionsEnded)
    assert (ended.account, ended.device, ended.except_device) == (alice.account, None, None)
    refused_with(opened, TokenUnknown, first_token(alice), member=alice)


def test_what_has_ended_is_remembered_by_its_time_alone_until_it_would_be_idle(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")

    def last_used(name: str) -> tuple[int, bool]:
        with opened.reader() as reader:
            details = reader.user(name)
            assert details is not None
            (device,) = details.devices
            return device.last_used, device.may_resume

    newest = rotated(opened, alice)
    opened.commit(ConfirmToken(alice.account, alice.device, newest))
    seen = last_used("alice")[0]
    opened.now += 1000
    opened.commit(RevokeSessions("alice"), EndSession(bob.account, bob.device))

    assert last_used("alice") == (seen, False)
    assert last_used("bob")[1] is False
    opened.now += 2 * 60 * 1000
    refused_with(opened, TokenUnknown, first_token(alice), newest, member=alice)  # a spent one too says no more
    refused_with(opened, TokenUnknown, first_token(bob), member=bob)
    opened.commit(TouchSession(alice.account, alice.device))  # its connection ends after it was logged out
    assert last_used("alice") == (opened.now, False)
    opened.commit(login(alice, token_hash=b"t" * 32))
    assert last_used("alice")[1] is True
    assert isinstance(opened.outcome(resume(alice, b"t" * 32)), LoggedIn)
    opened.now += (RESUME_TOKEN_IDLE_DAYS + 1) * DAY_MS
    while opened.store.maintain(opened.now, idle=True):
        pass
    assert last_used("bob") == (0, False)


# --- change of passphrase ------------------------------------------------------------------------


def test_a_new_passphrase_counts_from_now_on_and_other_sessions_end(opened: Opened) -> None:
    """(negative test 60)"""
    alice = opened.register("alice")
    before = login(alice)

    committed = opened.commit(ChangePassphrase(alice.account, alice.device, b"hash of alice", b"new"), before)

    [ended] = committed.changes
    assert isinstance(ended, SessionsEnded)
    assert (ended.account, ended.except_device) == (alice.account, alice.device)
    settled, refused = committed.outcomes
    assert settled == Settled()
    assert isinstance(refused, Refused)
    assert isinstance(opened.outcome(resume(alice, first_token(alice))), LoggedIn)  # its own session stays
    new = LogIn(alice.account, alice.device, 3, b"new", alice.device_list.digest, b"t" * 32)
    assert isinstance(opened.outcome(new), LoggedIn)


def test_a_new_passphrase_ends_the_tokens_of_the_accounts_other_devices(opened: Opened) -> None:
    alice = make_person("alice")
    second = DeviceSecrets.generate(secrets.token_bytes)
    entries = [device.entry(alice.user_id, alice.identity.public_key, opened.now) for device in (alice.device, second)]
    entries.sort(key=lambda entry: entry.device_id)
    both = dataclasses.replace(alice.device_list.device_list, devices=tuple(entries))
    alice.device_list = check_first_contact(alice.identity.sign(both), "alice")
    first = member_of(alice, opened.settled(registration(alice, opened.invite()), LoggedIn))
    other = dataclasses.replace(first, device=second.device_id, person=dataclasses.replace(alice, device=second))
    opened.commit(login(other, token_hash=b"t" * 32))

    opened.commit(ChangePassphrase(first.account, first.device, b"hash of alice", b"new"))

    refused_with(opened, TokenUnknown, b"t" * 32, member=other)
    assert isinstance(opened.outcome(resume(first, first_token(first))), LoggedIn)


def test_a_passphrase_is_changed_only_from_the_one_that_was_checked(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(ChangePassphrase(alice.account, alice.device, b"hash of alice", b"new"))

    late = ChangePassphrase(alice.account, alice.device, b"hash of alice", b"other")

    assert type(opened.refusal(late)) is AuthenticationFailed
