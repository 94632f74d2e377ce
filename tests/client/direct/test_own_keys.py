"""After a copy was noticed, or by hand, sessions and prekeys go in one transaction, and new ones come."""

import dataclasses
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from secure_chat.client.direct.clones import CLONE_NOTES, CloneNote, note_copy
from secure_chat.client.direct.events import Trust
from secure_chat.client.direct.own_keys import OwnKeys
from secure_chat.client.direct.prekey_records import ONE_TIME_PREKEYS
from secure_chat.client.events import Event, Told
from secure_chat.client.ticket import Ticket
from secure_chat.client.vault.tables import SELF, Table
from secure_chat.client.vault.transaction import Transaction
from secure_chat.e2ee import prekey_secrets
from secure_chat.errors import PostQuantumMissing, VaultFull
from secure_chat.protocol.commands import AnyCommand, InviteOwn, PrekeysPublish
from secure_chat.protocol.events import DirectEnvelope, InviteUsed, OwnInvites, PrekeysKept, PrekeysLow, Said, Welcome
from tests.client.direct.device import DAY, HOUR, Device
from tests.client.direct.wire import Wire
from tests.client.vault.vaults import every_byte_on_disk, one_row


@dataclasses.dataclass(frozen=True, slots=True)
class Session:
    """Stands for a session with somebody."""

    text: str


SESSIONS = Table("test_session", Session)


class Account:
    """A device with its keys and some sessions, against a server that takes everything."""

    def __init__(self, own: Device) -> None:
        self.own = own
        self.wire = Wire(self.answer)
        self.told: list[Event] = []
        self.disk_is_full = False
        self.keys = OwnKeys(
            own.vault,
            self.wire.requests,
            self.told.append,
            lambda *_: Trust.VERIFIED,
            self.drop_sessions,
            random=os.urandom,
            now_ms=own.clock,
        )
        with own.vault.transaction() as transaction:
            transaction.put(SESSIONS, "bob", Session("ratchet"))

    def answer(self, command: AnyCommand) -> Iterable[Said]:
        match command:
            case PrekeysPublish():
                return [PrekeysKept(command.id, len(command.one_time))]
            case InviteOwn():
                return [OwnInvites(command.id, [])]
            case _:
                raise AssertionError(command)

    def drop_sessions(self, transaction: Transaction) -> None:
        transaction.delete(SESSIONS, "bob")
        if self.disk_is_full:
            raise VaultFull

    def connect(self, newest: bytes | None = None) -> None:
        """Be welcomed by a server that has this or the newest signed prekey, and 100 others."""
        newest = newest or max(self.own.signed().items(), key=lambda each: each[1].prekey.published.prekey.created)[0]
        user_id = self.own.new.account.user_id
        self.keys.connected(
            Welcome(1, user_id, "alice", "member", 0, 1, 0, [], one_time_prekeys=100, signed_prekey_id=newest)
        )

    def work(self) -> None:
        """Turn until nothing is left to do."""
        while (due := self.keys.next_time()) is not None and due <= 0.0:
            self.keys.turn(0.0)
            self.wire.exchange()

    def notice_copy(self) -> str:
        """What a login does that finds a copy; the code of what the person is told."""
        with self.own.vault.transaction() as transaction:
            return note_copy(transaction, self.own.clock.now).code

    @property
    def sessions(self) -> int:
        """How many are left."""
        return len(self.own.vault.scan(SESSIONS))


@pytest.fixture
def account(own: Device) -> Account:
    own.make_and_confirm(30)
    return Account(own)


@pytest.mark.negative(28)
@pytest.mark.negative(62)
def test_after_a_copy_was_noticed_nothing_of_before_is_left_and_new_prekeys_go_out(account: Account) -> None:
    once, signed = account.own.one_time_ids(), set(account.own.signed())
    assert account.notice_copy() == "store.cloned"
    assert account.sessions == 1
    account.connect()
    assert account.sessions == 0
    assert not once & account.own.one_time_ids()
    assert not signed & set(account.own.signed())
    account.work()
    first, *rest = account.wire.asked
    assert isinstance(first, PrekeysPublish)
    assert first.replace
    assert first.signed_prekey
    assert sum(len(each.one_time) for each in rest if isinstance(each, PrekeysPublish)) == 100
    account.connect()
    assert len(account.own.signed()) == 1, "once is enough"


@pytest.mark.negative(28)
def test_a_crash_between_noticing_a_copy_and_starting_anew_forgets_nothing(account: Account) -> None:
    account.notice_copy()
    account.own.restart()
    again = Account(account.own)
    again.disk_is_full = True
    with pytest.raises(VaultFull):
        again.connect()
    assert again.sessions == 1, "all of it or nothing"
    assert len(again.own.one_time_ids()) == 30
    again.disk_is_full = False
    again.connect()
    assert again.sessions == 0
    assert again.own.one_time_ids() == set()


def test_more_than_once_a_day_the_person_decides(account: Account) -> None:
    account.notice_copy()
    account.connect()
    account.work()
    kept = account.own.one_time_ids()
    account.own.clock.now += 23 * HOUR
    assert account.notice_copy() == "store.cloned_again"
    account.connect()
    assert account.own.one_time_ids() == kept
    account.own.clock.now += HOUR
    assert account.notice_copy() == "store.cloned"
    account.connect()
    assert not kept & account.own.one_time_ids()


def test_a_clock_that_was_put_back_does_not_put_off_starting_anew(account: Account) -> None:
    account.notice_copy()
    account.connect()
    account.own.clock.now -= DAY
    assert account.notice_copy() == "store.cloned"


@pytest.mark.negative(62)
def test_reconnecting_without_a_copy_drops_nothing(account: Account) -> None:
    once = account.own.one_time_ids()
    for _ in range(3):
        account.connect()
        account.keys.disconnected()
    assert account.sessions == 1
    assert account.own.one_time_ids() == once
    assert account.told == []


@pytest.mark.negative(48)
def test_reset_all_destroys_every_secret_at_once_also_while_offline(account: Account, tmp_path: Path) -> None:
    account.own.vault.close()
    (sealed,) = one_row(account.own.directory, "SELECT sealed FROM rows WHERE table_name = 'one_time_prekey'")
    account.own.restart()
    account = Account(account.own)
    [before] = account.own.signed()
    account.keys.reset_all()
    assert account.sessions == 0
    assert account.own.one_time_ids() == set()
    assert len(account.own.signed()) == 1
    copy = tmp_path / "copy"
    shutil.copytree(account.own.directory, copy)
    assert isinstance(sealed, bytes)
    assert sealed not in every_byte_on_disk(copy), "neither in the file nor in the log beside it"
    account.connect(before)
    account.work()
    assert isinstance(account.wire.asked[0], PrekeysPublish)
    assert account.wire.asked[0].replace


def test_reset_all_by_hand_is_no_reason_to_ask_when_a_copy_is_noticed_later(account: Account) -> None:
    account.notice_copy()
    account.keys.reset_all()
    assert account.own.vault.get(CLONE_NOTES, SELF) == CloneNote(pending=False)
    once = account.own.make_and_confirm(1)
    account.connect()
    assert set(once) <= account.own.one_time_ids(), "the copy was answered by it"
    assert account.notice_copy() == "store.cloned"


def test_what_is_said_of_prekeys_and_invites_is_taken_and_nothing_else(account: Account) -> None:
    account.connect()
    account.work()
    assert account.keys.said(PrekeysLow(0))
    account.work()
    assert [type(command) for command in account.wire.asked] == [PrekeysPublish]
    assert account.keys.said(InviteUsed(bytes(32)))
    account.wire.exchange()
    assert type(account.wire.asked[-1]) is InviteOwn
    assert not account.keys.said(DirectEnvelope(b"", 0, "bob"))
    account.keys.disconnected()
    account.keys.invite(Ticket(1))
    assert len(account.told) == 1


def test_the_product_has_a_clock_and_randomness_of_its_own(own: Device) -> None:
    wire = Wire(lambda _: [])
    keys = OwnKeys(own.vault, wire.requests, lambda _: None, lambda *_: Trust.VERIFIED, lambda _: None)
    keys.turn(0.0)
    with own.vault.transaction() as transaction:
        keys.prekeys.make(transaction, 1)
        assert len(transaction.scan(ONE_TIME_PREKEYS)) == 1


@pytest.mark.negative(36)
def test_without_ml_kem_a_copy_is_answered_later_and_nothing_is_published(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_seed: bytes) -> bytes:
        raise PostQuantumMissing

    account.notice_copy()
    with monkeypatch.context() as patch:
        patch.setattr(prekey_secrets, "public_key_bytes", missing)
        account.connect()
        account.work()
        with pytest.raises(PostQuantumMissing):
            account.keys.reset_all()
    [told] = account.told
    assert isinstance(told, Told)
    assert told.error.code == "keys.ml_kem_missing"
    assert account.wire.asked == []
    assert account.sessions == 1
    account.connect()
    assert account.sessions == 0
