"""Direct messages in the store: whole or not at all, once, in order; their bytes end with their delivery."""

import logging
import secrets
import sqlite3

import pytest

from secure_chat.errors import ClientIdReused, DirectMismatch, InternalError, TokenUnknown, UserDisabled, UserUnknown
from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import DirectEnvelope
from secure_chat.protocol.frames import split_frames
from secure_chat.storage import mail_state as mail_module
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.entries import AcknowledgeDirect, OutgoingPart, PostMessage, SendDirect, SetAccountState
from secure_chat.storage.outcomes import (
    DirectFull,
    DirectStale,
    DirectTaken,
    LoggedIn,
    MailArrived,
    MailGone,
    Numbered,
    Refused,
    Settled,
)
from secure_chat.storage.queries import direct as queries
from tests.storage.letters import acknowledge, arrived, mailbox, part, send, sent, waiting_ids
from tests.storage.opened import Opened, login, post, replacement
from tests.storage.test_maintenance import count, settle

UNENCODABLE = "\ud800"


def log_rows(opened: Opened) -> list[tuple[bytes, int, int, int, int | None]]:
    """Id, from, to, size and time of delivery of all messages, in the order in which they were sent."""
    connection = sqlite3.connect(f"file:{opened.directory / DATABASE_NAME}?mode=ro", uri=True)
    try:
        return connection.execute(
            "SELECT envelope_id, sender, account, size, delivered FROM direct_log ORDER BY id"
        ).fetchall()
    finally:
        connection.close()


# --- sending ---------------------------------------------------------------------------------------


def test_a_message_waits_for_its_device_and_is_announced_as_it_will_be_pushed(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob)

    committed = opened.commit(entry)

    assert committed.outcomes == [DirectTaken(opened.now)]
    [waiting] = mailbox(opened, bob)
    assert committed.changes == [MailArrived(bob.account, bob.device, (waiting,))]
    [body] = split_frames(waiting.frame)
    assert decode_said(body) == DirectEnvelope(entry.parts[0].envelope, opened.now, "alice")
    assert mailbox(opened, alice) == []


def test_messages_wait_in_the_order_in_which_they_were_sent_also_after_a_restart(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    ids = [sent(opened, alice if number % 3 else carol, bob) for number in range(10)]
    entries = [send(alice, bob) for _ in range(5)]
    opened.commit(*entries)
    ids += [entry.parts[0].envelope_id for entry in entries]
    opened.reopen()
    ids.append(sent(opened, carol, bob))

    assert waiting_ids(opened, bob) == ids
    numbers = [mail.mail_id for mail in mailbox(opened, bob)]
    assert numbers == sorted(set(numbers))


def test_a_part_left_out_puts_nothing_anywhere(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")

    committed = opened.commit(send(alice, bob, OutgoingPart(bob.device)))

    assert committed.outcomes == [DirectTaken(opened.now)]
    assert committed.changes == []
    assert mailbox(opened, bob) == []


def test_parts_for_other_devices_than_the_newest_lists_are_stale_and_nothing_is_taken(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    newest = (bob.device_list.signed.encode(),)
    right, wrong = part(alice, bob), part(alice, bob, device=bob.device ^ 1)
    for parts in ((wrong,), (right, wrong), (right, part(alice, bob)), (OutgoingPart(5),)):
        committed = opened.commit(SendDirect(alice.account, alice.device, bob.person.user_id, parts))
        assert committed.outcomes == [DirectStale(bob.person.user_id, newest)]
        assert committed.changes == []

    assert mailbox(opened, bob) == []
    opened.settled(send(alice, bob, right), DirectTaken)


def test_a_device_that_was_replaced_is_stale_and_a_repeat_of_before_is_not(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    before = send(alice, bob)
    first = opened.outcome(before)
    new = replacement(bob, opened.now)
    opened.settled(new.recovery(bob), LoggedIn)

    late = send(alice, bob)

    assert opened.outcome(late) == DirectStale(bob.person.user_id, (new.device_list.signed.encode(),))
    assert opened.outcome(before) == first
    opened.settled(
        SendDirect(alice.account, alice.device, bob.person.user_id, (part(alice, bob, device=new.device.device_id),)),
        DirectTaken,
    )


def test_a_removed_device_can_neither_send_nor_acknowledge(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    envelope_id = sent(opened, bob, alice)
    opened.settled(replacement(alice, opened.now).recovery(alice), LoggedIn)

    assert isinstance(opened.refusal(send(alice, bob)), TokenUnknown)
    assert isinstance(opened.refusal(acknowledge(alice, envelope_id)), TokenUnknown)


def test_nothing_is_sent_to_who_is_disabled_deleted_or_unknown(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    waiting = sent(opened, alice, bob)
    opened.commit(SetAccountState("bob", "disabled"), SetAccountState("carol", "deleted"))

    assert isinstance(opened.refusal(send(alice, bob)), UserDisabled)
    assert isinstance(opened.refusal(send(alice, carol)), UserUnknown)
    stranger = SendDirect(alice.account, alice.device, secrets.token_bytes(16), (part(alice, bob),))
    assert isinstance(opened.refusal(stranger), UserUnknown)
    assert isinstance(opened.refusal(send(bob, alice)), TokenUnknown)
    opened.commit(SetAccountState("bob", "enabled"))
    assert waiting_ids(opened, bob) == [waiting]
    opened.settled(send(alice, bob), DirectTaken)


def test_a_device_writes_itself_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    assert isinstance(opened.outcome(send(alice, alice)), DirectStale)


# --- repeats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_repeat_gets_the_first_answer_and_is_delivered_once(
    opened: Opened, delivered: bool, restarted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob)
    first = opened.settled(entry, DirectTaken)
    if delivered:
        opened.commit(acknowledge(bob, entry.parts[0].envelope_id))
    if restarted:
        opened.reopen()
    opened.now += 60_000

    committed = opened.commit(entry, entry)

    assert committed.outcomes == [first, first]
    assert committed.changes == []
    assert len(mailbox(opened, bob)) == (0 if delivered else 1)
    assert caplog.text == ""  # known at once, not by a batch that failed and was done again


def test_a_repeat_within_one_batch_is_taken_once(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob)

    committed = opened.commit(entry, entry, entry)

    assert committed.outcomes == [DirectTaken(opened.now)] * 3
    assert len(arrived(committed)) == len(mailbox(opened, bob)) == 1


def test_a_repeat_is_answered_whatever_became_of_the_recipient(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob)
    first = opened.outcome(entry)
    opened.commit(SetAccountState("bob", "deleted"))

    assert opened.outcome(entry) == first


def test_the_same_id_with_other_bytes_is_refused_and_leaves_what_was_there(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    envelope_id = sent(opened, alice, bob)
    before = mailbox(opened, bob)
    other = OutgoingPart(bob.device, envelope_id, part(alice, bob).envelope)

    assert isinstance(opened.refusal(send(alice, bob, other)), ClientIdReused)
    opened.commit(acknowledge(bob, envelope_id))
    assert isinstance(opened.refusal(send(alice, bob, other)), ClientIdReused)
    opened.reopen()
    assert isinstance(opened.refusal(send(alice, bob, other)), ClientIdReused)
    assert len(before) == 1


def test_ids_of_other_senders_are_their_own(opened: Opened) -> None:
    """Who has seen an envelope may give its id to another one: both wait, one acknowledgement ends both."""
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    envelope_id = sent(opened, alice, bob)
    copied = OutgoingPart(bob.device, envelope_id, part(carol, bob).envelope)

    opened.settled(send(carol, bob, copied), DirectTaken)

    assert waiting_ids(opened, bob) == [envelope_id, envelope_id]
    opened.commit(acknowledge(bob, envelope_id))
    opened.commit(acknowledge(bob, envelope_id))
    assert waiting_ids(opened, bob) == []


def test_two_envelopes_of_one_message_with_one_id_are_refused(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    one = part(alice, bob)

    assert isinstance(opened.refusal(send(alice, bob, one, one)), DirectMismatch)


def test_more_ids_than_are_remembered_change_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", 3)
    monkeypatch.setattr(mail_module, "MAX_KNOWN_PLACES", 2)
    monkeypatch.setattr(mail_module, "MAX_KNOWN_PAIRS", 1)
    alice, bob = opened.register("alice"), opened.register("bob")
    entries = [send(alice, bob) if number % 2 else send(bob, alice) for number in range(10)]
    first = [opened.outcome(entry) for entry in entries]
    opened.now += 1000

    assert opened.commit(*entries).outcomes == first
    move_ids(opened)
    assert opened.commit(*entries).outcomes == first
    opened.reopen()
    assert opened.commit(*entries).outcomes == first
    opened.commit(acknowledge(bob, *waiting_ids(opened, bob)))
    assert mailbox(opened, bob) == []
    assert opened.store._mail.sent.count == 0


def move_ids(opened: Opened) -> None:
    """As maintenance does when there are very many."""
    opened.store._mail.sent.move(opened.store._database)


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_repeat_is_known_from_the_log_and_then_from_the_table_to_which_its_id_is_moved(
    opened: Opened, is_reopened: bool
) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    moved, recent = send(alice, bob), send(alice, bob)
    first = [opened.outcome(moved)]
    move_ids(opened)
    opened.now += 1000
    first.append(opened.outcome(recent))
    assert count(opened, "SELECT count(*) FROM sent_envelopes") == 1
    assert count(opened, "SELECT count(*) FROM direct_log WHERE digest IS NULL") == 1, (
        "the log keeps no digest for good"
    )
    if is_reopened:
        opened.reopen()

    opened.now += 1000

    assert opened.commit(moved, recent).outcomes == first
    for entry in (moved, recent):
        other = send(alice, bob, part(alice, bob, envelope_id=entry.parts[0].envelope_id))
        assert isinstance(opened.refusal(other), ClientIdReused)
    move_ids(opened)
    move_ids(opened)
    assert opened.commit(moved, recent).outcomes == first
    assert count(opened, "SELECT count(*) FROM sent_envelopes") == 2


def test_ids_are_moved_when_there_are_more_than_are_known_by_heart_and_the_oldest_first(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MAX_KNOWN_ENVELOPES", 5)
    monkeypatch.setattr("secure_chat.storage.sent_envelopes.MOVE_ROWS", 2)
    alice, bob = opened.register("alice"), opened.register("bob")
    entries = [send(alice, bob) for _ in range(8)]
    first = opened.commit(*entries[:5]).outcomes
    settle(opened)
    assert count(opened, "SELECT count(*) FROM sent_envelopes") == 0
    first += opened.commit(*entries[5:]).outcomes
    opened.store.maintain(opened.now, idle=False)
    assert count(opened, "SELECT count(*) FROM sent_envelopes") == 2
    opened.store.maintain(opened.now, idle=False)
    opened.store.maintain(opened.now, idle=False)

    assert count(opened, "SELECT count(*) FROM sent_envelopes") == 4
    assert opened.store._mail.sent.count == 4
    opened.now += 1000
    assert opened.commit(*entries).outcomes == first
    opened.reopen()
    assert opened.commit(*entries).outcomes == first


# --- the bound of a sender -------------------------------------------------------------------------


@pytest.mark.negative(53)
def test_a_full_device_blocks_one_sender_and_nobody_else_until_it_reads(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.storage.decisions.direct.MAILBOX_ENVELOPES_PER_SENDER", 5)
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    ids = [sent(opened, alice, bob) for _ in range(5)]
    held = send(alice, bob)

    committed = opened.commit(held, send(alice, carol), send(carol, bob), held)

    full = DirectFull((bob.device,))
    assert committed.outcomes == [full, DirectTaken(opened.now), DirectTaken(opened.now), full]
    opened.reopen()
    assert opened.outcome(held) == full
    without = send(alice, bob, OutgoingPart(bob.device))  # left out, because it is full
    assert opened.outcome(without) == DirectTaken(opened.now)
    opened.commit(acknowledge(bob, ids[0]))
    opened.settled(held, DirectTaken)
    assert waiting_ids(opened, bob)[:4] == ids[1:]
    assert waiting_ids(opened, bob)[-1] == held.parts[0].envelope_id


def test_a_batch_cannot_overfill_a_device(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secure_chat.storage.decisions.direct.MAILBOX_ENVELOPES_PER_SENDER", 3)
    alice, bob = opened.register("alice"), opened.register("bob")

    committed = opened.commit(*(send(alice, bob) for _ in range(5)))

    assert [type(outcome) for outcome in committed.outcomes] == [DirectTaken] * 3 + [DirectFull] * 2
    assert len(mailbox(opened, bob)) == 3
    assert MAILBOX_ENVELOPES_PER_SENDER == 1000


# --- acknowledging ---------------------------------------------------------------------------------


def test_what_was_acknowledged_does_not_come_again(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    first, second, third = (sent(opened, alice, bob) for _ in range(3))

    entry = acknowledge(bob, first, third)
    committed = opened.commit(entry)

    assert committed.outcomes == [Settled()]
    assert committed.changes == [MailGone(bob.account, bob.device, (first, third))]
    assert waiting_ids(opened, bob) == [second]
    opened.reopen()
    assert waiting_ids(opened, bob) == [second]
    assert isinstance(opened.outcome(entry), Settled)
    assert waiting_ids(opened, bob) == [second]


@pytest.mark.parametrize("restarted", [False, True])
def test_acknowledging_twice_or_the_unknown_counts_nothing_twice(opened: Opened, restarted: bool) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    ids = [sent(opened, alice, bob) for _ in range(3)]
    if restarted:
        opened.reopen()

    opened.commit(
        acknowledge(bob, ids[0], ids[0], secrets.token_bytes(16)), acknowledge(bob, ids[0]), acknowledge(bob, ids[1])
    )

    senders = opened.store._mail.waiting[bob.account, bob.device]
    assert senders == {alice.account: 1}
    opened.commit(acknowledge(bob, *ids))
    assert opened.store._mail.waiting == {}


def test_nobody_acknowledges_for_another(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    envelope_id = sent(opened, alice, bob)

    opened.commit(acknowledge(alice, envelope_id))
    other = AcknowledgeDirect(bob.account, bob.device ^ 1, (envelope_id,))

    assert isinstance(opened.refusal(other), TokenUnknown)
    assert waiting_ids(opened, bob) == [envelope_id]


def test_the_log_keeps_who_whom_when_and_how_much(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    entry = send(alice, bob, part(alice, bob, padded=1536))
    opened.commit(entry)
    opened.now += 5000
    opened.commit(acknowledge(bob, entry.parts[0].envelope_id))

    assert log_rows(opened) == [
        (entry.parts[0].envelope_id, alice.account, bob.account, 155 + 1536, opened.now),
    ]


def test_after_delivery_and_a_stop_no_byte_of_a_ciphertext_is_left_in_any_file(opened: Opened) -> None:
    """Deleted rows are overwritten, and the write-ahead log goes with the last connection."""
    alice, bob = opened.register("alice"), opened.register("bob")
    entries = [send(alice, bob, part(alice, bob, padded=padded)) for padded in (768, 1536, 16_384) for _ in range(5)]
    opened.commit(*entries)
    pieces = [
        entry.parts[0].envelope[start : start + 48]
        for entry in entries
        for start in range(60, len(entry.parts[0].envelope) - 48, 500)
    ]
    opened.store.close()
    opened.open()
    assert sum(piece in (opened.directory / DATABASE_NAME).read_bytes() for piece in pieces) > len(pieces) // 2

    opened.commit(acknowledge(bob, *(entry.parts[0].envelope_id for entry in entries)))
    opened.store.close()
    try:
        for path in opened.directory.iterdir():
            content = path.read_bytes()
            assert not any(piece in content for piece in pieces), path.name
    finally:
        opened.open()


# --- what ends a mailbox ---------------------------------------------------------------------------


@pytest.mark.parametrize("together", [False, True])
def test_a_recovery_empties_the_mailbox_of_the_device_that_it_replaces(opened: Opened, together: bool) -> None:
    """Also of what came in the same batch: nobody will ever fetch it."""
    alice, bob = opened.register("alice"), opened.register("bob")
    sent(opened, alice, bob)
    new = replacement(bob, opened.now)
    last, recovery = send(alice, bob), new.recovery(bob)

    if together:
        outcomes = opened.commit(last, recovery, send(alice, bob)).outcomes
        assert [type(outcome) for outcome in outcomes] == [DirectTaken, LoggedIn, DirectStale]
    else:
        opened.commit(last)
        opened.commit(recovery)

    assert mailbox(opened, bob) == []
    assert count(opened, "SELECT count(*) FROM mailboxes") == 0
    assert opened.store._mail.waiting == {}
    assert opened.store._mail.places == {}
    welcome = opened.commit(send(alice, bob, part(alice, bob, device=new.device.device_id))).outcomes
    assert welcome == [DirectTaken(opened.now)]


def test_a_deletion_empties_the_mailbox_and_leaves_what_the_account_has_sent(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    sent(opened, alice, bob)
    kept = sent(opened, bob, carol)

    opened.commit(SetAccountState("bob", "deleted"))

    assert mailbox(opened, bob) == []
    assert waiting_ids(opened, carol) == [kept]
    assert count(opened, "SELECT count(*) FROM correspondents") == 1


def test_a_login_says_whether_something_waits(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    assert not opened.settled(login(bob), LoggedIn).has_mail
    envelope_id = sent(opened, alice, bob)
    assert opened.settled(login(bob), LoggedIn).has_mail
    opened.reopen()
    assert opened.settled(login(bob), LoggedIn).has_mail
    assert not opened.settled(login(alice), LoggedIn).has_mail
    answers = opened.commit(acknowledge(bob, envelope_id), login(bob), send(alice, bob), login(bob)).outcomes
    assert [answer.has_mail for answer in answers if isinstance(answer, LoggedIn)] == [False, True]


# --- one bad entry, a full disk ----------------------------------------------------------------------


def test_a_failing_entry_harms_no_message_beside_it(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    waiting = sent(opened, alice, bob)
    bad = PostMessage(alice.account, alice.device, "lobby", alice.client_id(), UNENCODABLE)
    first, second, repeated = send(alice, bob), send(bob, alice), send(alice, bob)

    with caplog.at_level(logging.CRITICAL):
        committed = opened.commit(
            first, bad, acknowledge(bob, waiting), repeated, repeated, second, acknowledge(bob, waiting)
        )

    kinds = [DirectTaken, Refused, Settled, DirectTaken, DirectTaken, DirectTaken, Settled]
    assert [type(outcome) for outcome in committed.outcomes] == kinds
    assert isinstance(committed.outcomes[1], Refused)
    assert isinstance(committed.outcomes[1].error, InternalError)
    ids = [entry.parts[0].envelope_id for entry in (first, repeated)]
    assert waiting_ids(opened, bob) == ids
    assert len(arrived(committed)) == 3
    assert opened.store._mail.waiting[bob.account, bob.device] == {alice.account: 2}
    assert opened.commit(first, repeated, second).outcomes == [DirectTaken(opened.now)] * 3


def test_a_refused_send_leaves_no_trace(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(SetAccountState("bob", "disabled"))
    entry = send(alice, bob)
    assert isinstance(opened.refusal(entry), UserDisabled)
    opened.commit(SetAccountState("bob", "enabled"))

    opened.now += 1000
    assert opened.outcome(entry) == DirectTaken(opened.now)
    assert count(opened, "SELECT count(*) FROM direct_log") == 1


def test_rooms_and_direct_messages_share_a_batch(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    committed = opened.commit(post(alice, "lobby", "hello"), send(alice, bob), post(bob, "lobby", "hello"))
    assert [type(outcome) for outcome in committed.outcomes] == [Numbered, DirectTaken, Numbered]
    assert [type(change) for change in committed.changes] == [MailArrived]


def test_the_mailbox_is_read_in_pages_by_number_and_by_bytes(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(*(send(alice, bob, part(alice, bob, padded=16_384)) for _ in range(10)))
    everything = mailbox(opened, bob)
    with opened.reader() as reader:

        def page(after: int, rows: int, size: int) -> list[int]:
            return [mail.mail_id for mail in reader.mail(bob.account, bob.device, after, rows=rows, size=size)]

        ids = [mail.mail_id for mail in everything]
        assert page(0, 64, 2**20) == ids
        assert page(0, 3, 2**20) == ids[:3]
        assert page(ids[2], 3, 2**20) == ids[3:6]
        assert page(0, 64, 1) == ids[:1]
        assert page(0, 64, 2 * len(everything[0].frame)) == ids[:2]
        assert page(ids[-1], 64, 2**20) == []


def test_a_page_of_a_mailbox_is_found_without_sorting(opened: Opened) -> None:
    values = (1, 1, 0, 64, 0)
    connection = sqlite3.connect(f"file:{opened.directory / DATABASE_NAME}?mode=ro", uri=True)
    try:
        plan = connection.execute("EXPLAIN QUERY PLAN " + queries.MAIL.sql, values).fetchall()
    finally:
        connection.close()
    told = " ".join(str(row[-1]) for row in plan)
    assert "ix_mailboxes_device" in told
    assert "TEMP B-TREE" not in told


def test_an_emptied_mailbox_begins_anew_within_one_batch(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    waiting = sent(opened, alice, bob)
    sender, recipient = (alice.account, alice.device), (bob.account, bob.device)
    draft = opened.store._draft(opened.now)
    with opened.store._database.transaction():
        draft.mail.empty(recipient)
        draft.mail.remove(recipient, (waiting,))
        assert draft.mail.waiting(recipient, alice.account) == 0
        draft.mail.put(sender, recipient, b"e" * 16, b"envelope", b"d" * 16, b"frame")
        assert draft.mail.waiting(recipient, alice.account) == 1
        assert draft.mail.has_mail(recipient)
        draft.flush()
    draft.become_current()

    assert waiting_ids(opened, bob) == [b"e" * 16]
    assert opened.store._mail.waiting == {recipient: {alice.account: 1}}
