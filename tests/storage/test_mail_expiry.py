"""What of direct messages has had its time goes in small steps: mail, the log, ids, traces of prekeys."""

import itertools
import sqlite3

import pytest

from secure_chat.errors import ClientIdReused
from secure_chat.limits import (
    DAY_MS,
    DIRECT_LOG_DAYS,
    DIRECT_REPEAT_HOURS,
    MAILBOX_DAYS,
    MAX_KNOWN_ENVELOPES,
    SPENT_PREKEY_DAYS,
    SWEEP_ROWS,
)
from secure_chat.storage.maintenance import SWEEP_EVERY_MS
from secure_chat.storage.outcomes import DirectTaken, PrekeysKept
from tests.storage.letters import acknowledge, claim, mailbox, one_time_prekeys, part, send, sent, upload, waiting_ids
from tests.storage.opened import HOUR_MS, Opened
from tests.storage.test_maintenance import count, settle

by_heart_or_not = pytest.mark.parametrize("most", [MAX_KNOWN_ENVELOPES, 0], ids=["by heart", "from the table"])


def known_ids(opened: Opened) -> int:
    """How many envelopes the store can tell a repeat of; the log keeps digests of no others."""
    by_heart = opened.store._mail.sent.count
    assert count(opened, "SELECT count(*) FROM direct_log WHERE digest IS NOT NULL") == by_heart
    return by_heart + count(opened, "SELECT count(*) FROM sent_envelopes")


def test_mail_ends_after_30_days_and_not_before(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    old = [sent(opened, alice, bob) for _ in range(3)]
    opened.now += DAY_MS
    young = sent(opened, alice, bob)
    opened.now += (MAILBOX_DAYS - 1) * DAY_MS
    settle(opened)
    assert waiting_ids(opened, bob) == [*old, young]

    opened.now += SWEEP_EVERY_MS
    settle(opened)

    assert waiting_ids(opened, bob) == [young]
    assert opened.store._mail.waiting[bob.account, bob.device] == {alice.account: 1}
    opened.commit(acknowledge(bob, *old, young))  # what has gone meanwhile counts nothing
    assert opened.store._mail.waiting == {}
    assert opened.store._mail.places == {}


def test_no_number_comes_back_after_a_clock_that_was_ahead_for_a_while(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was sent ahead of its time keeps its row of the log, and what came after it has none any more."""
    for limit in ("sent_envelopes.MAX_KNOWN_ENVELOPES", "mail_state.MAX_KNOWN_PLACES"):
        monkeypatch.setattr(f"secure_chat.storage.{limit}", 0)
    alice, bob = opened.register("alice"), opened.register("bob")
    right = opened.now
    opened.now += 10 * MAILBOX_DAYS * DAY_MS
    ahead = sent(opened, alice, bob)
    opened.now = right
    envelope_ids = [ahead, *(sent(opened, alice, bob) for _ in range(3))]
    settle(opened)
    opened.commit(acknowledge(bob, *envelope_ids))
    opened.now += DIRECT_LOG_DAYS * DAY_MS + SWEEP_EVERY_MS
    settle(opened)
    opened.reopen()

    late = sent(opened, alice, bob)
    opened.reopen()
    opened.commit(acknowledge(bob, late))

    assert waiting_ids(opened, bob) == []


@by_heart_or_not
def test_a_repeat_is_known_for_48_hours_and_not_for_ever(
    opened: Opened, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", most)
    alice, bob = opened.register("alice"), opened.register("bob")
    entries = [send(alice, bob) for _ in range(3)]
    first = opened.commit(*entries).outcomes
    opened.commit(acknowledge(bob, *waiting_ids(opened, bob)))
    opened.now += DIRECT_REPEAT_HOURS * HOUR_MS - 1
    last = send(alice, bob)
    opened.commit(last)
    settle(opened)
    opened.reopen()
    assert opened.commit(*entries).outcomes == first
    opened.commit(acknowledge(bob, *waiting_ids(opened, bob)))

    opened.now += SWEEP_EVERY_MS
    settle(opened)

    assert known_ids(opened) == 1
    assert opened.outcome(entries[0]) == DirectTaken(opened.now)
    opened.reopen()
    assert opened.outcome(entries[1]) == DirectTaken(opened.now)
    assert opened.outcome(last) == DirectTaken(opened.now - SWEEP_EVERY_MS)


@by_heart_or_not
def test_an_id_that_two_have_used_is_forgotten_of_each_in_its_time(
    opened: Opened, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", most)
    alice, mallory, bob = (opened.register(name) for name in ("alice", "mallory", "bob"))
    first = send(mallory, bob)
    envelope_id = first.parts[0].envelope_id
    second = send(alice, bob, part(alice, bob, envelope_id=envelope_id))
    opened.commit(first)
    opened.now += DIRECT_REPEAT_HOURS * HOUR_MS
    accepted = opened.outcome(second)
    assert accepted == DirectTaken(opened.now)

    opened.now += SWEEP_EVERY_MS
    settle(opened)

    assert known_ids(opened) == 1
    assert opened.outcome(second) == accepted
    other = send(alice, bob, part(alice, bob, envelope_id=envelope_id))
    assert isinstance(opened.refusal(other), ClientIdReused)


def test_everything_goes_in_small_steps_and_then_there_is_rest(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", 0)
    alice, bob = opened.register("alice"), opened.register("bob")
    size = 2 * SWEEP_ROWS + 100
    for start in range(0, size, 100):
        opened.commit(*(send(alice, bob) for _ in range(start, start + 100)))
        opened.commit(acknowledge(bob, *waiting_ids(opened, bob)[: 100 if start % 200 else 0] or (b"x" * 16,)))
    tables = ("mailboxes", "direct_log", "sent_envelopes")
    settle(opened)
    opened.now += 31 * DAY_MS
    left = [[count(opened, f"SELECT count(*) FROM {table}") for table in tables]]
    assert min(left[0]) > SWEEP_ROWS

    while opened.store.maintain(opened.now, idle=True):
        left.append([count(opened, f"SELECT count(*) FROM {table}") for table in tables])

    assert left[-1] == [0, 0, 0]
    for before, after in itertools.pairwise(left):
        assert all(much - less <= SWEEP_ROWS for much, less in zip(before, after, strict=True))
    assert settle(opened) == 0
    assert mailbox(opened, bob) == []
    assert DIRECT_LOG_DAYS == MAILBOX_DAYS == 30


def test_after_everything_has_gone_numbers_go_on_and_ids_are_swept_again(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    for _ in range(5):
        sent(opened, alice, bob)
    last = mailbox(opened, bob)[-1].mail_id
    opened.now += 31 * DAY_MS
    settle(opened)
    opened.reopen()

    sent(opened, alice, bob)

    assert [mail.mail_id for mail in mailbox(opened, bob)] == [last + 1]
    opened.now += 3 * DAY_MS
    settle(opened)
    assert known_ids(opened) == 0


def test_traces_of_one_time_prekeys_go_after_60_days(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.settled(upload(alice, one_time_prekeys(50)), PrekeysKept)
    opened.commit(claim(bob, alice), upload(alice, (), replace=True))
    assert count(opened, "SELECT count(*) FROM spent_prekeys") == 50
    opened.now += SPENT_PREKEY_DAYS * DAY_MS
    settle(opened)
    assert count(opened, "SELECT count(*) FROM spent_prekeys") == 50

    opened.now += SWEEP_EVERY_MS
    settle(opened)

    assert count(opened, "SELECT count(*) FROM spent_prekeys") == 0


def test_an_idle_hour_ends_what_the_log_still_holds_of_delivered_messages(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob)
    piece = entry.parts[0].envelope[100:148]
    opened.commit(entry)
    opened.commit(acknowledge(bob, entry.parts[0].envelope_id))
    log = opened.store._database._log_path
    assert piece in log.read_bytes()

    opened.now += SWEEP_EVERY_MS
    settle(opened)

    assert piece not in log.read_bytes()


def test_an_idle_hour_waits_for_no_reader(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    reader = sqlite3.connect(f"file:{opened.store._database.path}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM mailboxes").fetchone()
    try:
        sent(opened, alice, bob)
        opened.now += SWEEP_EVERY_MS
        settle(opened)
        assert opened.store._database._log_path.stat().st_size > 0
    finally:
        reader.close()
    opened.now += SWEEP_EVERY_MS
    settle(opened)
    assert waiting_ids(opened, bob)
