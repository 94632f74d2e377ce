"""Prekeys are published in time and no more than allowed; no lost answer and no lying server changes that."""

import itertools
import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from secure_chat import limits
from secure_chat.client.direct.prekey_upkeep import PrekeyUpkeep
from secure_chat.client.events import Event, Told
from secure_chat.directory.prekeys import PublishedOneTimePrekey, PublishedSignedPrekey
from secure_chat.e2ee import prekey_secrets
from secure_chat.e2ee.prekey_secrets import SignedPrekeySecret
from secure_chat.errors import PostQuantumMissing, ServerSaidNonsense, VaultFailed, VaultFull
from secure_chat.protocol.commands import AnyCommand, PrekeysPublish
from secure_chat.protocol.events import Done, Failure, PrekeysKept, Said, Welcome
from tests.client.direct.device import DAY, HOUR, Device, Template
from tests.client.direct.wire import Wire
from tests.client.vault.faults import failing_commit

EK = b"\x01" * 32
_AT_OPENING = 2  # commits of a vault that is opened, before anything is done with it


class Shelf:
    """A server's shelf for one device. `claims`: what it says instead of the truth."""

    def __init__(self, own: Device) -> None:
        self.own = own
        self.signed_prekey = own.new.prekey.published
        self.one_time: dict[bytes, bytes] = {}
        self.ever: set[bytes] = set()
        self.claims: Callable[[int], int] = lambda live: live
        self.failure: str | None = None
        self.heard: list[PrekeysPublish] = []

    def __call__(self, command: AnyCommand) -> Iterable[Said]:
        assert isinstance(command, PrekeysPublish)
        if self.failure is not None:
            return [Failure(command.id, self.failure, "No.")]
        self.take(command)
        return [PrekeysKept(command.id, self.claims(len(self.one_time)))]

    def take(self, command: PrekeysPublish) -> None:
        """Keep what was published, as PROTOCOL.md has it."""
        self.heard.append(command)
        assert len(command.one_time) <= limits.ONE_TIME_PREKEYS_UPLOAD
        keys, user_id = self.own.new.device.keys, self.own.new.account.user_id
        if command.signed_prekey:
            self.signed_prekey = PublishedSignedPrekey.parse(command.signed_prekey)
            self.signed_prekey.check_signature(keys.signing_key, user_id, keys.device_id)
        offered = {PublishedOneTimePrekey.parse(each).prekey.prekey_id: each for each in command.one_time}
        if command.replace:
            self.one_time = {each: found for each, found in self.one_time.items() if each in offered}
        for each in offered.keys() - self.ever:
            self.one_time[each] = offered[each]
        self.ever |= offered.keys()

    def claim(self) -> bytes:
        """Hand one out."""
        return self.one_time.popitem()[0]

    def welcome(self) -> Welcome:
        """What a login is told."""
        return Welcome(
            1,
            self.own.new.account.user_id,
            "alice",
            "member",
            0,
            1,
            self.own.clock.now,
            [],
            one_time_prekeys=self.claims(len(self.one_time)),
            signed_prekey_id=self.signed_prekey.prekey.prekey_id,
        )


class Client:
    """The upkeep of one device, with its connection."""

    def __init__(self, own: Device) -> None:
        self.own = own
        self.shelf = Shelf(own)
        self.wire = Wire(self.shelf)
        self.told: list[Event] = []
        self.upkeep = self.start()
        self.now = 0.0
        self.turns = 0

    def start(self) -> PrekeyUpkeep:
        return PrekeyUpkeep(self.own.vault, self.own.prekeys, self.wire.requests, self.told.append)

    def restart(self) -> None:
        """Another start of the program."""
        self.own.restart()
        self.wire = Wire(self.shelf)
        self.upkeep = self.start()

    def connect(self) -> None:
        """Connect, and work until nothing is left to do now."""
        self.upkeep.connected(self.shelf.welcome())
        self.work()

    def disconnect(self) -> None:
        """Lose the connection."""
        self.wire.requests.disconnected()
        self.upkeep.disconnected()

    def work(self) -> None:
        """Turn until there is nothing to do at this time."""
        while self.turn():
            self.wire.exchange()

    def turn(self) -> bool:
        """One turn, if one is due; what it makes in it is bounded."""
        due = self.upkeep.next_time()
        if due is None or due > self.now:
            return False
        before = len(self.own.one_time_ids())
        self.upkeep.turn(self.now)
        assert len(self.own.one_time_ids()) - before <= limits.ONE_TIME_PREKEYS_A_PIECE
        self.turns += 1
        return True

    def later(self, milliseconds: int) -> None:
        """Time passes, while connected."""
        self.own.clock.now += milliseconds
        self.now += milliseconds / 1000
        self.work()


@pytest.fixture
def client(own: Device) -> Client:
    return Client(own)


def test_after_a_join_a_hundred_are_published_in_small_pieces_of_work(client: Client) -> None:
    client.connect()
    [published] = client.shelf.heard
    assert len(published.one_time) == limits.ONE_TIME_PREKEYS_UPLOAD == len(client.shelf.one_time)
    assert (published.signed_prekey, published.replace) == (b"", False), "the one of the registration stays"
    assert client.turns >= limits.ONE_TIME_PREKEYS_UPLOAD // limits.ONE_TIME_PREKEYS_A_PIECE
    assert client.upkeep.next_time() == pytest.approx(limits.PREKEY_LOOK_SECONDS)
    client.disconnect()
    client.connect()
    assert len(client.shelf.heard) == 1, "nothing is published twice"


def test_at_40_left_the_shelf_is_filled_to_a_hundred_again(client: Client) -> None:
    client.connect()
    for _ in range(59):
        client.shelf.claim()
    client.upkeep.low(41)
    client.work()
    assert len(client.shelf.heard) == 1
    client.shelf.claim()
    client.upkeep.low(40)
    client.work()
    assert len(client.shelf.one_time) == 100
    assert len(client.shelf.heard[1].one_time) == 60


def test_a_shelf_found_low_at_a_login_is_filled(client: Client) -> None:
    client.connect()
    client.disconnect()
    for _ in range(70):
        client.shelf.claim()
    client.connect()
    assert len(client.shelf.one_time) == 100


@pytest.mark.negative(50)
def test_whatever_the_server_claims_no_more_than_200_a_day_and_400_alive_are_made(client: Client) -> None:
    client.shelf.claims = lambda _live: 0
    made = 0
    for day in range(1, 6):
        for _ in range(5):
            client.connect()
            client.upkeep.low(0)
            client.work()
            client.disconnect()
        made = len(client.shelf.ever)
        assert made == min(200 * day, 400)
        client.own.clock.now += DAY
    assert len(client.own.one_time_ids()) == made == limits.ONE_TIME_PREKEYS_LIVE


def test_a_lost_answer_is_settled_by_the_same_bytes(client: Client) -> None:
    client.upkeep.connected(client.shelf.welcome())
    while client.turn():
        pass
    [lost] = client.wire.send()
    client.disconnect()
    client.restart()
    client.connect()
    [again] = client.shelf.heard
    assert isinstance(lost, PrekeysPublish)
    assert (again.one_time, again.signed_prekey, again.replace) == (lost.one_time, lost.signed_prekey, lost.replace)
    assert client.own.ledger.offered is None


def test_an_upload_that_arrived_although_its_answer_was_lost_is_not_made_again(client: Client) -> None:
    client.connect()
    client.own.clock.now += 7 * DAY
    client.now += 7 * DAY / 1000
    assert client.turn()
    [lost] = client.wire.send()
    assert isinstance(lost, PrekeysPublish)
    client.shelf.take(lost)
    client.disconnect()
    client.connect()
    assert len(client.shelf.heard) == 2, "the welcome has shown the new signed prekey"
    assert client.own.ledger.offered is None
    assert [each.superseded_at for each in client.own.signed().values()].count(None) == 1


def test_an_upload_that_waits_for_its_rate_when_the_line_breaks_is_asked_once(client: Client) -> None:
    client.shelf.failure = "rate.limited"
    client.upkeep.connected(client.shelf.welcome())
    while client.turn():
        client.wire.exchange()
    client.disconnect()
    client.shelf.failure = None
    client.connect()
    client.wire.exchange(now=10.0)
    assert len(client.shelf.heard) == 1


def test_the_signed_prekey_is_rotated_weekly_and_its_secret_destroyed_40_days_after(client: Client) -> None:
    client.connect()
    first = client.shelf.signed_prekey.prekey.prekey_id
    for _ in range(7):
        client.later(DAY)
    assert client.shelf.signed_prekey.prekey.prekey_id != first
    assert first in client.own.signed()
    for _ in range(39):
        client.later(DAY)
    assert first in client.own.signed()
    for _ in range(2):
        client.later(DAY)
    assert first not in client.own.signed()
    assert len(client.own.signed()) <= 8


@pytest.mark.negative(21)
def test_a_first_message_without_one_time_prekey_brings_a_new_signed_prekey_within_a_day(client: Client) -> None:
    client.connect()
    first = client.shelf.signed_prekey.prekey.prekey_id
    with client.own.vault.transaction() as transaction:
        client.own.prekeys.used(transaction, first, None, EK)
    client.later(HOUR)
    assert client.shelf.signed_prekey.prekey.prekey_id != first


def test_the_set_is_replaced_after_60_days_and_the_old_one_withdrawn(client: Client) -> None:
    client.connect()
    old = set(client.shelf.one_time)
    for _ in range(60):
        client.later(DAY)
    assert not old & set(client.shelf.one_time)
    assert len(client.shelf.one_time) == 100
    assert client.shelf.heard[-1].replace
    assert old <= client.own.one_time_ids()
    for _ in range(41):
        client.later(DAY)
    assert not old & client.own.one_time_ids()


def test_a_full_set_is_replaced_too(client: Client) -> None:
    client.shelf.claims = lambda _live: 0
    for _ in range(3):
        client.connect()
        client.disconnect()
        client.own.clock.now += DAY
    assert client.own.ledger.live == 400
    client.shelf.claims = lambda live: live
    client.connect()
    client.later(60 * DAY)
    assert len(client.shelf.one_time) == 100
    assert client.own.ledger.live == 100


def test_what_has_had_its_time_is_destroyed_at_the_start_without_any_connection(client: Client) -> None:
    first = client.own.new.prekey.published.prekey.prekey_id
    client.own.rotate()
    client.own.clock.now += 41 * DAY
    client.restart()
    assert first not in client.own.signed()


def test_a_server_put_back_to_an_older_state_gets_the_newest_signed_prekey_again(client: Client) -> None:
    client.connect()
    before = client.shelf.signed_prekey
    client.later(7 * DAY)
    newest = client.shelf.signed_prekey
    assert newest != before
    client.disconnect()
    client.shelf.signed_prekey = before
    client.connect()
    assert client.shelf.signed_prekey == newest
    assert len(client.own.signed()) == 2


def test_prekeys_that_another_copy_has_published_are_replaced_once_a_day(client: Client) -> None:
    client.connect()
    client.disconnect()
    other = SignedPrekeySecret.generate(
        client.own.new.device.keys, client.own.new.account.user_id, os.urandom, client.own.clock.now
    )
    client.shelf.signed_prekey = other.published
    client.own.clock.now += HOUR
    client.connect()
    taken_over = client.shelf.signed_prekey
    assert taken_over.prekey.prekey_id in client.own.signed()
    assert client.shelf.heard[1].replace
    assert len(client.shelf.one_time) == 100
    client.disconnect()
    client.shelf.signed_prekey = other.published
    client.connect()
    assert client.shelf.heard[-1].signed_prekey == taken_over.encode(), "the same again: it does not grow without end"
    assert len(client.own.signed()) == 2


def test_a_refusal_is_told_and_tried_again_with_new_keys_on_the_next_connection(client: Client) -> None:
    client.own.clock.now += 8 * DAY
    client.shelf.failure = "prekey.invalid"
    client.connect()
    [told] = client.told
    assert isinstance(told, Told)
    assert told.error.code == "prekey.invalid"
    client.upkeep.low(0)
    client.work()
    client.later(HOUR)
    assert len(client.told) == 1, "once on each connection"
    client.disconnect()
    client.shelf.failure = None
    client.connect()
    assert len(client.shelf.one_time) == 100
    assert client.shelf.signed_prekey != client.own.new.prekey.published


def test_a_server_that_keeps_no_prekeys_is_asked_nothing(client: Client) -> None:
    client.upkeep.connected(Welcome(1, client.own.new.account.user_id, "alice", "member", 0, 1, 0, []))
    assert client.upkeep.next_time() is None
    client.upkeep.turn(0.0)
    assert client.wire.send() == []


def test_an_answer_of_another_kind_is_nonsense(client: Client) -> None:
    client.upkeep.connected(client.shelf.welcome())
    while client.turn():
        pass
    [command] = client.wire.send()
    with pytest.raises(ServerSaidNonsense):
        client.wire.requests.reply(Done(command.id), 0.0)


@pytest.mark.negative(48)
def test_starting_anew_while_connected_replaces_everything_at_the_server_at_once(client: Client) -> None:
    client.connect()
    before, signed = set(client.shelf.one_time), client.shelf.signed_prekey
    with client.own.vault.transaction() as transaction:
        client.own.prekeys.destroy_all(transaction)
    client.upkeep.started_anew()
    assert client.turn()
    assert client.wire.exchange() == 1
    assert client.shelf.one_time == {}
    assert client.shelf.signed_prekey != signed
    client.work()
    assert len(client.shelf.one_time) == 100
    assert not before & set(client.shelf.one_time)
    assert client.own.one_time_ids() == set(client.shelf.one_time)


def test_starting_anew_while_an_upload_is_under_way_listens_to_the_newer_one_alone(client: Client) -> None:
    client.upkeep.connected(client.shelf.welcome())
    while client.turn():
        pass
    [under_way] = client.wire.send()
    assert isinstance(under_way, PrekeysPublish)
    client.shelf.take(under_way)
    with client.own.vault.transaction() as transaction:
        client.own.prekeys.destroy_all(transaction)
    client.upkeep.started_anew()
    assert not client.wire.requests.reply(PrekeysKept(under_way.id, 100), 0.0)
    client.work()
    assert set(client.shelf.one_time) == client.own.one_time_ids()
    assert len(client.shelf.one_time) == 100


def test_a_program_that_dies_before_it_has_sent_anything_publishes_what_it_made(client: Client) -> None:
    client.upkeep.connected(client.shelf.welcome())
    while client.turn():
        pass
    made = client.own.one_time_ids()
    assert len(made) == limits.ONE_TIME_PREKEYS_UPLOAD, "on the disk before the command is sent"
    client.restart()
    assert client.wire.send() == []
    client.connect()
    assert set(client.shelf.one_time) == made


@pytest.mark.negative(36)
def test_without_ml_kem_nothing_is_made_or_published_and_it_is_told_why(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_seed: bytes) -> bytes:
        raise PostQuantumMissing

    monkeypatch.setattr(prekey_secrets, "public_key_bytes", missing)
    client.connect()
    [told] = client.told
    assert isinstance(told, Told)
    assert told.error.code == "keys.ml_kem_missing"
    assert "cryptography" in told.error.next_step
    assert client.wire.asked == []
    assert client.own.one_time_ids() == set()


@pytest.mark.negative(27)
@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR])
def test_what_the_disk_did_not_take_is_not_published(template: Template, tmp_path: Path, code: int) -> None:
    for at in itertools.count(1):
        own = Device(template, tmp_path / str(at), factory=failing_commit(code, at=at + _AT_OPENING))
        asked: list[AnyCommand] = []
        try:
            client = Client(own)
            asked = client.wire.asked
            client.connect()
        except (VaultFull, VaultFailed):
            own.restart()
            published = {
                PublishedOneTimePrekey.parse(each).prekey.prekey_id
                for command in asked
                if isinstance(command, PrekeysPublish)
                for each in command.one_time
            }
            assert published <= own.one_time_ids()
        else:
            break
        finally:
            own.vault.close()
    assert at > 12, "it has failed once at every commit"
