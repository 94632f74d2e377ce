"""Prekeys in the vault: a secret is there until it is used or has had its time, and never comes back."""

import os
import shutil
from pathlib import Path

import pytest

from secure_chat import limits
from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.direct.prekey_records import ONE_TIME_PREKEYS, prekey_id_of
from secure_chat.client.vault.records import SIGNED_PREKEYS
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey, SignedPrekey, check_fresh
from secure_chat.errors import VaultDamaged
from tests.client.direct.device import DAY, HOUR, Device
from tests.client.vault.vaults import every_byte_on_disk, open_vault

EK, OTHER_EK = b"\x01" * 32, b"\x02" * 32


def first_id(own: Device) -> bytes:
    """The signed prekey of the registration."""
    return own.new.prekey.published.prekey.prekey_id


# --- one-time prekeys ----------------------------------------------------------------------------


def test_a_one_time_secret_is_on_the_disk_before_it_is_offered_and_gone_when_it_was_used(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 3)
    own.restart()
    with own.vault.transaction() as transaction:
        own.prekeys.offer(transaction, rotate=False)
        offered = own.prekeys.offered(transaction)
        assert offered is not None
        signed, one_time, replace = offered
        assert (signed, len(one_time), replace) == (b"", 3, False)
        published = PublishedOneTimePrekey.parse(one_time[1])
        keys = own.new.device.keys
        published.check_signature(keys.signing_key, own.new.account.user_id, keys.device_id)
        prekey_id = published.prekey.prekey_id
        secret = own.prekeys.one_time(transaction, prekey_id)
        assert secret is not None
        assert secret.secret.kem_key == published.prekey.kem_key
        own.prekeys.confirmed(transaction)
        own.prekeys.used(transaction, first_id(own), prekey_id, EK)
        assert own.prekeys.one_time(transaction, prekey_id) is None
    assert prekey_id not in own.one_time_ids()
    assert own.ledger.live == 2


def test_a_transaction_that_fails_keeps_the_one_time_secret_and_remembers_nothing(own: Device) -> None:
    [prekey_id] = own.make_and_confirm(1)
    with pytest.raises(RuntimeError):
        _use_and_fail(own, prekey_id)
    with own.vault.transaction() as transaction:
        assert own.prekeys.one_time(transaction, prekey_id) is not None
        assert not own.prekeys.is_replayed(transaction, first_id(own), EK)


def _use_and_fail(own: Device, prekey_id: bytes) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), prekey_id, EK)
        raise RuntimeError


def test_what_was_offered_is_offered_again_byte_for_byte_after_a_restart(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 5)
        own.prekeys.offer(transaction, rotate=True)
        before = own.prekeys.offered(transaction)
    own.restart()
    with own.vault.transaction() as transaction:
        assert own.prekeys.offered(transaction) == before


def test_a_one_time_prekey_that_was_used_before_the_answer_came_is_not_offered_again(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 2)
        own.prekeys.offer(transaction, rotate=False)
        used, left = own.prekeys.ledger(transaction).fresh
        own.prekeys.used(transaction, first_id(own), used, EK)
        offered = own.prekeys.offered(transaction)
        assert offered is not None
        assert [PublishedOneTimePrekey.parse(each).prekey.prekey_id for each in offered[1]] == [left]
        own.prekeys.confirmed(transaction)
    assert own.ledger.live == 1


@pytest.mark.negative(22)
def test_no_id_comes_twice_not_after_a_restart_and_not_in_a_copy(own: Device, tmp_path: Path) -> None:
    seen = {first_id(own)}
    for _ in range(3):
        with own.vault.transaction() as transaction:
            own.prekeys.make(transaction, 20)
            own.prekeys.offer(transaction, rotate=True)
            own.prekeys.confirmed(transaction)
        own.restart()
    seen |= own.one_time_ids() | set(own.signed())
    assert len(seen) == 64
    own.vault.close()
    shutil.copytree(own.directory, tmp_path / "copy")
    for directory in (own.directory, tmp_path / "copy"):
        with open_vault(directory) as vault:
            prekeys = OwnPrekeys(vault, os.urandom, own.clock)
            with vault.transaction() as transaction:
                prekeys.make(transaction, 20)
                fresh = set(prekeys.ledger(transaction).fresh)
        assert not fresh & seen
        seen |= fresh
    assert len(seen) == 104
    assert 0 not in {int.from_bytes(each, "big") for each in seen}, "zeros mean none"


@pytest.mark.negative(50)
def test_there_is_no_401st_one_time_prekey_and_no_201st_of_a_day(own: Device) -> None:
    made = 0
    for _ in range(5):
        while True:
            with own.vault.transaction() as transaction:
                allowed = own.prekeys.may_make(transaction)
            if not allowed:
                break
            made += len(own.make_and_confirm(min(allowed, limits.ONE_TIME_PREKEYS_UPLOAD)))
        assert made <= limits.ONE_TIME_PREKEYS_LIVE
        assert own.ledger.live == made == min(limits.ONE_TIME_PREKEYS_LIVE, made)
        own.clock.now += DAY
    assert made == limits.ONE_TIME_PREKEYS_LIVE == len(own.one_time_ids())
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), prekey_id_of(transaction.scan(ONE_TIME_PREKEYS)[0][0]), EK)
        assert own.prekeys.may_make(transaction) == 1


def test_a_set_is_replaced_after_60_days_and_the_old_secrets_live_40_days_longer(own: Device) -> None:
    old = own.make_and_confirm(2)
    own.clock.now += 60 * DAY - 1
    with own.vault.transaction() as transaction:
        assert not own.prekeys.replacement_is_due(transaction)
    own.clock.now += 1
    with own.vault.transaction() as transaction:
        assert own.prekeys.replacement_is_due(transaction)
        own.prekeys.begin_replacement(transaction)
        own.prekeys.make(transaction, 3)
        own.prekeys.offer(transaction, rotate=False)
        offered = own.prekeys.offered(transaction)
        assert offered is not None
        signed, one_time, replace = offered
        assert replace
        assert len(one_time) == 3
        assert PublishedSignedPrekey.parse(signed).prekey.prekey_id != first_id(own), "by it a lost answer is settled"
        assert own.prekeys.one_time(transaction, old[0]) is not None, "the server has not confirmed anything yet"
        own.prekeys.confirmed(transaction)
        assert not own.prekeys.replacement_is_due(transaction)
    assert own.ledger.live == 3
    own.clock.now += 40 * DAY - 1
    assert_one_time(own, old, present=True)
    own.clock.now += 1
    assert_one_time(own, old, present=False)
    assert len(own.one_time_ids()) == 3, "the new set stays"


def assert_one_time(own: Device, ids: tuple[bytes, ...], *, present: bool) -> None:
    with own.vault.transaction() as transaction:
        assert all((own.prekeys.one_time(transaction, each) is not None) == present for each in ids)
        own.prekeys.destroy_expired(transaction)
    assert (set(ids) <= own.one_time_ids()) == present


# --- signed prekeys ------------------------------------------------------------------------------


def test_a_signed_prekey_is_rotated_after_seven_days(own: Device) -> None:
    own.clock.now += 7 * DAY - 1
    with own.vault.transaction() as transaction:
        assert not own.prekeys.rotation_is_due(transaction)
    own.clock.now += 1
    with own.vault.transaction() as transaction:
        assert own.prekeys.rotation_is_due(transaction)
    own.rotate()
    with own.vault.transaction() as transaction:
        assert not own.prekeys.rotation_is_due(transaction)


@pytest.mark.negative(21)
def test_a_first_message_without_one_time_prekey_rotates_early_and_once_a_day_at_most(own: Device) -> None:
    own.clock.now += HOUR
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), None, EK)
        assert own.prekeys.rotation_is_due(transaction)
    second = own.rotate()
    own.clock.now += HOUR
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), None, OTHER_EK)
        assert not own.prekeys.rotation_is_due(transaction), "that one has its successor already"
        own.prekeys.used(transaction, second, None, OTHER_EK)
        assert not own.prekeys.rotation_is_due(transaction), "one a day"
    own.clock.now += 23 * HOUR
    with own.vault.transaction() as transaction:
        assert own.prekeys.rotation_is_due(transaction), "within 24 hours after the message"
    own.rotate()
    own.clock.now += 2 * DAY
    with own.vault.transaction() as transaction:
        assert not own.prekeys.rotation_is_due(transaction)


@pytest.mark.negative(50)
def test_the_secret_is_there_on_day_39_after_its_successor_and_gone_on_day_41_with_its_cache(own: Device) -> None:
    old = first_id(own)
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, old, None, EK)
    new = own.rotate()
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, new, None, EK)
    own.clock.now += 39 * DAY
    with own.vault.transaction() as transaction:
        own.prekeys.destroy_expired(transaction)
        assert own.prekeys.signed(transaction, old) is not None
        assert own.prekeys.is_replayed(transaction, old, EK)
    own.clock.now += 2 * DAY
    with own.vault.transaction() as transaction:
        assert own.prekeys.signed(transaction, old) is None, "also before anybody has tidied up"
        own.prekeys.destroy_expired(transaction)
        assert not own.prekeys.is_replayed(transaction, old, EK)
        assert own.prekeys.is_replayed(transaction, new, EK), "the present one's stay"
    assert set(own.signed()) == {new}


def test_the_40_days_begin_when_the_server_has_confirmed_the_successor(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.offer(transaction, rotate=True)
    own.clock.now += 50 * DAY
    with own.vault.transaction() as transaction:
        own.prekeys.destroy_expired(transaction)
        assert own.prekeys.signed(transaction, first_id(own)) is not None
        own.prekeys.confirmed(transaction)
        own.prekeys.destroy_expired(transaction)
        assert own.prekeys.signed(transaction, first_id(own)) is not None


@pytest.mark.negative(3)
def test_a_first_message_is_known_again_after_a_restart_by_its_signed_prekey_and_key(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), None, EK)
    own.restart()
    with own.vault.transaction() as transaction:
        assert own.prekeys.is_replayed(transaction, first_id(own), EK)
        assert not own.prekeys.is_replayed(transaction, first_id(own), OTHER_EK)
        assert not own.prekeys.is_replayed(transaction, os.urandom(8), EK)


def test_a_new_signed_prekey_is_never_older_than_the_one_before_but_no_wrong_clock_is_followed(own: Device) -> None:
    own.clock.now -= HOUR
    rotated = rotated_prekey(own)
    assert rotated.created == own.new.prekey.published.prekey.created + 1
    own.clock.now += 400 * DAY
    ahead = rotated_prekey(own)
    own.clock.now -= 400 * DAY
    with own.vault.transaction() as transaction:
        assert own.prekeys.rotation_is_due(transaction), "others refuse one from the future"
    mended = rotated_prekey(own)
    assert mended.created == own.clock.now < ahead.created
    check_fresh(mended, own.clock.now)


def rotated_prekey(own: Device) -> SignedPrekey:
    prekey_id = own.rotate()
    return own.signed()[prekey_id].prekey.published.prekey


def test_what_the_server_refuses_is_made_anew(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 2)
        own.prekeys.offer(transaction, rotate=True)
        before = own.prekeys.offered(transaction)
        own.prekeys.refused(transaction)
        own.prekeys.mend_refused(transaction)
        after = own.prekeys.offered(transaction)
        assert before is not None
        assert after is not None
        assert after[0] != before[0]
        assert after[1] == ()
        own.prekeys.confirmed(transaction)
    assert own.one_time_ids() == set()
    assert own.ledger.live == 0
    newest = PublishedSignedPrekey.parse(after[0]).prekey.prekey_id
    assert set(own.signed()) == {first_id(own), newest}


def test_one_time_prekeys_alone_that_the_server_refuses_are_gone(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 2)
        own.prekeys.offer(transaction, rotate=False)
        own.prekeys.refused(transaction)
        assert own.prekeys.offered(transaction) is None
    assert own.one_time_ids() == set()


def test_a_vault_that_has_lost_what_it_offered_is_damaged(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.offer(transaction, rotate=True)
        for row, _ in transaction.scan(SIGNED_PREKEYS):
            transaction.delete(SIGNED_PREKEYS, row)
        with pytest.raises(VaultDamaged):
            own.prekeys.offered(transaction)
        with pytest.raises(VaultDamaged):
            own.prekeys.newest_signed(transaction)


# --- starting anew -------------------------------------------------------------------------------


@pytest.mark.negative(48)
def test_starting_anew_leaves_no_secret_of_before_and_offers_a_new_signed_prekey_in_place_of_all(own: Device) -> None:
    once = own.make_and_confirm(120)
    signed = {first_id(own), own.rotate()}
    with own.vault.transaction() as transaction:
        own.prekeys.used(transaction, first_id(own), once[0], EK)
        own.prekeys.make(transaction, 5)
    with own.vault.transaction() as transaction:
        own.prekeys.destroy_all(transaction)
        assert all(own.prekeys.one_time(transaction, each) is None for each in once)
        assert all(own.prekeys.signed(transaction, each) is None for each in signed)
        offered = own.prekeys.offered(transaction)
    assert offered is not None
    published = PublishedSignedPrekey.parse(offered[0])
    assert published.prekey.created > max(own.clock.now - 1, own.new.prekey.published.prekey.created)
    assert offered[1:] == ((), True)
    assert set(own.signed()) == {published.prekey.prekey_id}
    assert own.one_time_ids() == set()
    assert own.first_messages() == 0
    with own.vault.transaction() as transaction:
        assert own.prekeys.may_make(transaction) == limits.ONE_TIME_PREKEYS_A_DAY - 125, "a day's number still counts"
        own.prekeys.confirmed(transaction)
        assert own.prekeys.offered(transaction) is None


def test_nothing_shows_a_secret(own: Device) -> None:
    with own.vault.transaction() as transaction:
        own.prekeys.make(transaction, 1)
        [prekey_id] = own.prekeys.ledger(transaction).fresh
        secret = own.prekeys.one_time(transaction, prekey_id)
        assert secret is not None
        stored = transaction.scan(ONE_TIME_PREKEYS)
    shown = repr(stored) + repr(secret) + repr(own.ledger)
    for part in (secret.secret.dh_secret, secret.secret.kem_seed):
        assert repr(part)[2:-1] not in shown
        assert part.hex() not in shown
        assert part not in every_byte_on_disk(own.directory)
