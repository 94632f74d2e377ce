"""The shelf of prekeys: each one-time prekey is handed out once, nobody empties it, no id comes back."""

import secrets

import pytest

from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import (
    PrekeyError,
    PrekeysFull,
    PrekeyTooOld,
    RateLimited,
    TokenUnknown,
    UserDisabled,
    UserUnknown,
)
from secure_chat.limits import (
    DAY_MS,
    MAX_PREKEY_AGE_MS,
    MAX_PREKEY_AHEAD_MS,
    ONE_TIME_PREKEYS_A_DAY,
    ONE_TIME_PREKEYS_LIVE,
    ONE_TIME_PREKEYS_REFILL_AT,
    ONE_TIME_PREKEYS_RESERVED,
    PREKEY_CLAIM_PAUSE_SECONDS,
    PREKEY_CLAIMS_PER_HOUR,
)
from secure_chat.storage.entries import ClaimPrekeys, PublishPrekeys, SetAccountState
from secure_chat.storage.outcomes import Bundles, LoggedIn, PrekeysKept, PrekeysRunLow
from tests.storage.letters import claim, one_time_prekeys, sent, upload
from tests.storage.opened import HOUR_MS, Member, Opened, login, replacement

PAUSE_MS = PREKEY_CLAIM_PAUSE_SECONDS * 1000


def claimed(opened: Opened, requester: Member, owner: Member) -> bytes:
    """The one-time prekey that the requester gets now; empty: none."""
    bundles = opened.settled(claim(requester, owner), Bundles)
    [bundle] = bundles.bundles
    assert bundle.signed_prekey
    return bundle.one_time


def live(opened: Opened, owner: Member) -> int:
    with opened.reader() as reader:
        return reader.live_prekeys(owner.account, owner.device)


def fill(opened: Opened, owner: Member, count: int) -> tuple[bytes, ...]:
    """So many on the shelf, some days ago."""
    keys = one_time_prekeys(count)
    for start in range(0, count, 100):
        if start % 200 == 0:
            opened.now += 2 * DAY_MS
        opened.settled(upload(owner, keys[start : start + 100]), PrekeysKept)
    opened.now += 2 * DAY_MS
    return keys


def fresh_signed(member: Member, made: int) -> bytes:
    person = member.person
    secret = SignedPrekeySecret.generate(person.device, person.user_id, secrets.token_bytes, made)
    return secret.published.encode()


# --- putting prekeys there -------------------------------------------------------------------------


def test_an_upload_tells_how_many_are_on_the_shelf_and_a_repeat_changes_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = upload(alice, one_time_prekeys(100))

    assert opened.commit(entry, entry).outcomes == [PrekeysKept(100), PrekeysKept(100)]
    opened.reopen()
    assert opened.outcome(entry) == PrekeysKept(100)
    assert live(opened, alice) == 100
    welcome = opened.settled(login(alice), LoggedIn)
    assert welcome.one_time_prekeys == 100
    assert welcome.signed_prekey_id == alice.person.signed_prekey.published.prekey.prekey_id


def test_prekeys_under_another_key_or_of_a_removed_device_are_not_taken(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    key, keys = bob.person.device.signing_key.raw, one_time_prekeys(1)
    assert isinstance(opened.refusal(PublishPrekeys(alice.account, alice.device, key, b"", keys)), TokenUnknown)
    opened.settled(replacement(alice, opened.now).recovery(alice), LoggedIn)
    assert isinstance(opened.refusal(upload(alice, keys)), TokenUnknown)


def test_a_newer_signed_prekey_takes_the_place_of_the_last_one(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    old = alice.person.signed_prekey.published.encode()
    new = fresh_signed(alice, opened.now + 1000)

    assert opened.outcome(upload(alice, (), signed=new)) == PrekeysKept(0)

    assert opened.settled(claim(bob, alice), Bundles).bundles[0].signed_prekey == new
    assert isinstance(opened.refusal(upload(alice, (), signed=old)), PrekeyError)
    assert opened.outcome(upload(alice, (), signed=new)) == PrekeysKept(0)
    assert opened.settled(login(alice), LoggedIn).signed_prekey_id == new[:8]
    assert opened.settled(claim(bob, alice), Bundles).bundles[0].signed_prekey == new


@pytest.mark.negative(50)
def test_a_signed_prekey_from_the_future_or_the_past_is_not_taken(opened: Opened) -> None:
    alice = opened.register("alice")
    ahead = fresh_signed(alice, opened.now + MAX_PREKEY_AHEAD_MS + 1)
    late = fresh_signed(alice, opened.now + 1)

    assert type(opened.refusal(upload(alice, (), signed=ahead))) is PrekeyError
    opened.now += MAX_PREKEY_AGE_MS + 2
    assert type(opened.refusal(upload(alice, (), signed=late))) is PrekeyTooOld


@pytest.mark.negative(74)
def test_a_signed_prekey_of_a_lower_suite_or_with_the_id_of_another_is_not_taken(opened: Opened) -> None:
    """Suite 2 does not exist yet: its number alone is raised."""
    alice = opened.register("alice")
    first = fresh_signed(alice, opened.now + 1000)
    same_id = first[:8] + fresh_signed(alice, opened.now + 2000)[8:]
    higher = fresh_signed(alice, opened.now + 3000)
    higher = higher[:8] + b"\x02" + higher[9:]
    opened.commit(upload(alice, (), signed=first))

    assert isinstance(opened.refusal(upload(alice, (), signed=same_id)), PrekeyError)
    assert opened.outcome(upload(alice, (), signed=higher)) == PrekeysKept(0)
    assert isinstance(opened.refusal(upload(alice, (), signed=fresh_signed(alice, opened.now + 4000))), PrekeyError)


def test_a_refused_upload_leaves_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    old = fresh_signed(alice, opened.now - 1000)

    assert isinstance(opened.refusal(upload(alice, one_time_prekeys(10), signed=old)), PrekeyError)

    assert live(opened, alice) == 0


@pytest.mark.negative(50)
def test_a_shelf_holds_no_401st_one_time_prekey(opened: Opened) -> None:
    alice = opened.register("alice")
    fill(opened, alice, ONE_TIME_PREKEYS_LIVE)
    assert live(opened, alice) == ONE_TIME_PREKEYS_LIVE == 400

    assert isinstance(opened.refusal(upload(alice, one_time_prekeys(1))), PrekeysFull)

    replaced = upload(alice, one_time_prekeys(100), replace=True)
    assert opened.commit(replaced, replaced).outcomes == [PrekeysKept(100), PrekeysKept(100)]


@pytest.mark.parametrize("replace", [False, True])
def test_a_device_publishes_200_a_day_however_often_it_withdraws_them(opened: Opened, replace: bool) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    first_at = opened.now
    opened.commit(upload(alice, one_time_prekeys(100)))
    opened.now += HOUR_MS
    assert claimed(opened, bob, alice)
    opened.commit(upload(alice, one_time_prekeys(ONE_TIME_PREKEYS_A_DAY - 100), replace=replace))

    error = opened.refusal(upload(alice, one_time_prekeys(1), replace=replace))

    assert isinstance(error, RateLimited)
    assert error.retry_after == (first_at + DAY_MS - opened.now) / 1000
    opened.now = first_at + DAY_MS
    opened.settled(upload(alice, one_time_prekeys(100), replace=replace), PrekeysKept)
    assert isinstance(opened.refusal(upload(alice, one_time_prekeys(1), replace=replace)), RateLimited)


def test_replacing_withdraws_what_is_not_among_the_new_ones(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    old, new = one_time_prekeys(60), one_time_prekeys(30)
    opened.commit(upload(alice, old))

    assert opened.outcome(upload(alice, (*old[:10], *new), replace=True)) == PrekeysKept(40)

    got = {claimed(opened, bob, alice)}
    assert got <= {*old[:10], *new}
    assert opened.outcome(upload(alice, (), replace=True)) == PrekeysKept(0)
    opened.now += PAUSE_MS
    assert claimed(opened, bob, alice) == b""


@pytest.mark.negative(22)
def test_an_id_that_was_handed_out_or_withdrawn_never_comes_back(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    keys = one_time_prekeys(30)
    first_upload = upload(alice, keys)
    opened.commit(first_upload)
    got = claimed(opened, bob, alice)
    withdrawn = keys[-1]
    opened.commit(upload(alice, tuple(key for key in keys if key != withdrawn), replace=True))

    assert got == keys[0]
    assert opened.outcome(first_upload) == PrekeysKept(28)
    opened.reopen()
    same_id = got[:8] + secrets.token_bytes(1280)
    assert opened.commit(first_upload, upload(alice, (same_id, withdrawn))).outcomes == [PrekeysKept(28)] * 2
    opened.now += PAUSE_MS
    assert claimed(opened, bob, alice) == keys[1]


@pytest.mark.negative(22)
def test_two_prekeys_with_one_id_are_refused(opened: Opened) -> None:
    alice = opened.register("alice")
    [key] = one_time_prekeys(1)
    other = key[:8] + secrets.token_bytes(1280)

    assert isinstance(opened.refusal(upload(alice, (key, other))), PrekeyError)
    opened.commit(upload(alice, (key,)))
    assert isinstance(opened.refusal(upload(alice, (other,))), PrekeyError)
    bob = opened.register("bob")
    assert opened.outcome(upload(bob, (other,))) == PrekeysKept(1)  # another device's ids are its own


# --- handing them out ------------------------------------------------------------------------------


def test_each_one_time_prekey_is_handed_out_once_oldest_first(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    keys = one_time_prekeys(100)
    opened.commit(upload(alice, keys))

    answers = opened.commit(claim(bob, alice), claim(carol, alice)).outcomes
    opened.reopen()
    dave = opened.register("dave")

    handed = [answer.bundles[0].one_time for answer in answers if isinstance(answer, Bundles)]
    assert [*handed, claimed(opened, dave, alice)] == list(keys[:3])
    assert live(opened, alice) == 97


def test_without_one_time_prekeys_there_is_the_signed_one_alone(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    assert claimed(opened, bob, alice) == b""


def test_a_device_that_is_not_listed_is_absent_and_one_asked_for_twice_comes_once(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(upload(alice, one_time_prekeys(50)))
    devices = (alice.device ^ 1, alice.device, alice.device)

    answer = opened.settled(ClaimPrekeys(bob.account, alice.person.user_id, devices), Bundles)

    assert [bundle.device_id for bundle in answer.bundles] == [alice.device]
    opened.settled(replacement(alice, opened.now).recovery(alice), LoggedIn)
    assert opened.settled(claim(bob, alice), Bundles).bundles == ()


def test_nothing_is_handed_out_of_who_is_disabled_deleted_or_unknown(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    opened.commit(upload(alice, one_time_prekeys(50)), upload(carol, one_time_prekeys(50)))
    opened.commit(SetAccountState("alice", "disabled"), SetAccountState("carol", "deleted"))

    assert isinstance(opened.refusal(claim(bob, alice)), UserDisabled)
    assert isinstance(opened.refusal(claim(bob, carol)), UserUnknown)
    assert isinstance(opened.refusal(ClaimPrekeys(bob.account, secrets.token_bytes(16), (1,))), UserUnknown)
    assert isinstance(opened.refusal(claim(alice, bob)), TokenUnknown)
    assert live(opened, carol) == 0


@pytest.mark.negative(21)
def test_one_account_gets_one_of_a_device_in_ten_minutes_also_across_a_restart(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(upload(alice, one_time_prekeys(100)))

    outcomes = opened.commit(claim(bob, alice), claim(bob, alice)).outcomes
    first, second = (outcome.bundles[0].one_time for outcome in outcomes if isinstance(outcome, Bundles))
    assert first
    assert second == b""  # not refused: the signed prekey alone
    opened.now += PAUSE_MS - 1
    opened.reopen()
    assert claimed(opened, bob, alice) == b""
    opened.now += 1
    assert claimed(opened, bob, alice) not in (b"", first)


@pytest.mark.negative(21)
def test_one_account_gets_20_an_hour_of_all_devices_together(opened: Opened) -> None:
    mallory = opened.register("mallory")
    owners = [opened.register(f"owner{letter}") for letter in "abcdefghijklmnopqrstuvw"[: PREKEY_CLAIMS_PER_HOUR + 2]]
    for owner in owners:
        opened.commit(upload(owner, one_time_prekeys(30)))

    got = []
    for owner in owners:
        got.append(bool(claimed(opened, mallory, owner)))
        opened.now += 1000

    assert got == [True] * PREKEY_CLAIMS_PER_HOUR + [False] * 2
    opened.now += HOUR_MS - 22_000
    assert claimed(opened, mallory, owners[-1])  # the first of them is an hour old, the second is not
    assert claimed(opened, mallory, owners[-2]) == b""


@pytest.mark.negative(21)
def test_strangers_leave_the_last_20_to_those_whom_the_owner_has_written_to(opened: Opened) -> None:
    alice, friend = opened.register("alice"), opened.register("friend")
    count = ONE_TIME_PREKEYS_RESERVED + 3
    opened.commit(upload(alice, one_time_prekeys(count)))
    sent(opened, alice, friend)
    strangers = [opened.register(f"stranger{letter}") for letter in "abcde"]
    sent(opened, strangers[-1], alice)  # that he has written to her makes him no friend

    got = [bool(claimed(opened, stranger, alice)) for stranger in strangers]

    assert got == [True, True, True, False, False]
    assert live(opened, alice) == ONE_TIME_PREKEYS_RESERVED
    for _ in range(ONE_TIME_PREKEYS_RESERVED):
        opened.reopen()
        assert claimed(opened, friend, alice)
        opened.now += PAUSE_MS
    assert claimed(opened, friend, alice) == b""
    assert live(opened, alice) == 0


def test_the_owner_is_told_when_few_are_left(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(upload(alice, one_time_prekeys(ONE_TIME_PREKEYS_REFILL_AT + 2)))
    told = []
    for letter in "abcd":
        committed = opened.commit(claim(opened.register(f"asker{letter}"), alice))
        told += [change for change in committed.changes if isinstance(change, PrekeysRunLow)]

    assert told == [PrekeysRunLow(alice.account, alice.device, left) for left in range(40, 37, -1)]


def test_a_recovery_empties_the_shelf_of_the_device_that_it_replaces(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(upload(alice, one_time_prekeys(50)))
    new = replacement(alice, opened.now)
    opened.settled(new.recovery(alice), LoggedIn)

    assert live(opened, alice) == 0
    answer = opened.settled(ClaimPrekeys(bob.account, alice.person.user_id, (new.device.device_id,)), Bundles)
    assert [(bundle.signed_prekey, bundle.one_time) for bundle in answer.bundles] == [
        (new.prekey.published.encode(), b"")
    ]
