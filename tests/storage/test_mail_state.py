"""How much may wait of one sender, and what the journal knows by heart of what waits."""

import pytest

from secure_chat.limits import MAILBOX_ENVELOPES_PER_SENDER, MAILBOXES_BYTES_PER_SENDER, MAX_DIRECT_FRAME_BYTES
from secure_chat.storage.entries import OutgoingPart, SetAccountState
from secure_chat.storage.outcomes import DirectFull, DirectTaken, LoggedIn
from tests.storage.letters import acknowledge, assert_known_by_heart, mailbox, part, send, sent, waiting_ids
from tests.storage.opened import DAY_MS, Member, Opened, replacement
from tests.storage.test_maintenance import count, settle
from tests.storage.test_recovery import recovered


def limit_envelopes(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("secure_chat.storage.decisions.direct.MAILBOX_ENVELOPES_PER_SENDER", most)


def limit_bytes(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr("secure_chat.storage.decisions.direct.MAILBOXES_BYTES_PER_SENDER", most)


def bytes_of(opened: Opened, sender: Member) -> int:
    return opened.store._mail.bytes_of.get(sender.account, 0)


# --- one sender, one mailbox -------------------------------------------------------------------------


@pytest.mark.parametrize("restarted", [False, True])
def test_a_recovery_gives_no_new_allowance(opened: Opened, restarted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_envelopes(monkeypatch, 3)
    mallory, bob = opened.register("mallory"), opened.register("bob")
    for _ in range(3):
        sent(opened, mallory, bob)
    assert opened.outcome(send(mallory, bob)) == DirectFull((bob.device,))

    new = replacement(mallory, opened.now)
    opened.settled(new.recovery(mallory), LoggedIn)
    if restarted:
        opened.reopen()

    again = recovered(mallory, new.device)
    assert opened.outcome(send(again, bob)) == DirectFull((bob.device,))
    opened.commit(acknowledge(bob, waiting_ids(opened, bob)[0]))
    opened.settled(send(again, bob), DirectTaken)
    assert opened.outcome(send(again, bob)) == DirectFull((bob.device,))


# --- one sender, all mailboxes -----------------------------------------------------------------------


def test_what_one_sender_leaves_waiting_is_bounded_over_all_mailboxes(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    mallory, bob, carol = (opened.register(name) for name in ("mallory", "bob", "carol"))
    first = sent(opened, mallory, bob)
    limit_bytes(monkeypatch, 2 * bytes_of(opened, mallory))
    sent(opened, mallory, carol)
    full = DirectFull((carol.device,))

    held = send(mallory, carol)
    assert opened.outcome(held) == full
    assert opened.outcome(send(mallory, bob)) == DirectFull((bob.device,))
    opened.settled(send(bob, carol), DirectTaken)
    opened.settled(send(mallory, carol, OutgoingPart(carol.device)), DirectTaken)  # left out, because it is full
    opened.reopen()
    assert opened.outcome(held) == full
    opened.commit(acknowledge(bob, first))
    opened.settled(held, DirectTaken)
    assert opened.outcome(send(mallory, carol)) == full


def test_a_batch_cannot_pass_the_bound_by_more_than_one_envelope(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    mallory, bob = opened.register("mallory"), opened.register("bob")
    sent(opened, mallory, bob)
    limit_bytes(monkeypatch, 2 * bytes_of(opened, mallory) + 1)

    committed = opened.commit(*(send(mallory, bob) for _ in range(5)))

    assert [type(outcome) for outcome in committed.outcomes] == [DirectTaken] * 2 + [DirectFull] * 3
    assert bytes_of(opened, mallory) == count(opened, "SELECT sum(length(envelope)) FROM mailboxes")
    assert len(mailbox(opened, bob)) == 3


def test_a_repeat_is_no_new_weight(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    mallory, bob = opened.register("mallory"), opened.register("bob")
    entry = send(mallory, bob)
    first = opened.outcome(entry)
    limit_bytes(monkeypatch, bytes_of(opened, mallory))

    assert opened.commit(entry, entry).outcomes == [first, first]


def test_what_waits_for_a_replaced_device_or_a_deleted_account_weighs_nothing_any_more(opened: Opened) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    for recipient in (bob, bob, carol):
        sent(opened, alice, recipient)
    one = count(opened, "SELECT length(envelope) FROM mailboxes LIMIT 1")
    assert bytes_of(opened, alice) == 3 * one

    opened.settled(replacement(bob, opened.now).recovery(bob), LoggedIn)
    assert bytes_of(opened, alice) == one
    opened.commit(send(alice, carol), SetAccountState("carol", "deleted"))

    assert bytes_of(opened, alice) == 0
    assert opened.store._mail.bytes_of == {}
    assert_known_by_heart(opened)


def test_what_has_had_its_time_weighs_nothing_any_more(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    for _ in range(3):
        sent(opened, alice, bob)
    opened.now += 31 * DAY_MS
    settle(opened)

    assert opened.store._mail.bytes_of == {}
    assert_known_by_heart(opened)


def test_an_ordinary_team_does_not_meet_the_bounds() -> None:
    """A month of a hundred short messages a day to people who are all away is a tenth of what may wait."""
    short = 1024
    assert 10 * 30 * 100 * short <= MAILBOXES_BYTES_PER_SENDER
    assert MAILBOX_ENVELOPES_PER_SENDER * MAX_DIRECT_FRAME_BYTES <= MAILBOXES_BYTES_PER_SENDER
    assert MAILBOXES_BYTES_PER_SENDER == 32 * 1024 * 1024


# --- places ------------------------------------------------------------------------------------------


def put_away(opened: Opened, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Let maintenance put places into their table until no more than `most` are known by heart."""
    monkeypatch.setattr("secure_chat.storage.mail_state.MAX_KNOWN_PLACES", most)
    while opened.store._mail.knows_too_many:
        opened.store.maintain(opened.now, idle=False)


@pytest.mark.parametrize("restarted", [False, True])
def test_an_acknowledgement_ends_what_is_known_by_heart_and_what_lies_in_the_table(
    opened: Opened, restarted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secure_chat.storage.mail_state.PUT_AWAY_ROWS", 2)
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    ids = [sent(opened, alice, bob) for _ in range(6)]
    opened.settled(send(carol, bob, part(carol, bob, envelope_id=ids[0])), DirectTaken)  # known by heart
    put_away(opened, monkeypatch, 3)
    assert count(opened, "SELECT count(*) FROM mail_places") == 4
    assert_known_by_heart(opened)
    if restarted:
        opened.reopen()

    opened.commit(acknowledge(bob, ids[0], ids[1], ids[1]), acknowledge(bob, ids[0], ids[5]))

    assert waiting_ids(opened, bob) == ids[2:5]
    assert count(opened, "SELECT count(*) FROM mail_places") == 2
    assert_known_by_heart(opened)
    opened.commit(acknowledge(bob, *ids))
    assert opened.store._mail.waiting == {}
    assert count(opened, "SELECT count(*) FROM mail_places") == 0


def test_a_place_in_the_table_goes_with_its_mailbox_and_with_its_time(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = (opened.register(name) for name in ("alice", "bob", "carol"))
    for recipient in (bob, carol):
        sent(opened, alice, recipient)
    put_away(opened, monkeypatch, 0)
    assert count(opened, "SELECT count(*) FROM mail_places") == 2

    opened.settled(replacement(bob, opened.now).recovery(bob), LoggedIn)
    assert count(opened, "SELECT count(*) FROM mail_places") == 1
    opened.now += 31 * DAY_MS
    settle(opened)

    assert count(opened, "SELECT count(*) FROM mail_places") == 0
    assert_known_by_heart(opened)


def test_an_ordinary_acknowledgement_looks_nothing_up(opened: Opened) -> None:
    """Not even for ids that are not there, nor for those that were acknowledged before."""
    alice, bob = opened.register("alice"), opened.register("bob")
    ids = [sent(opened, alice, bob) for _ in range(3)]
    opened.reopen()
    statements: list[str] = []
    opened.store._database._connection.set_trace_callback(statements.append)

    opened.commit(acknowledge(bob, ids[0], ids[1], b"unknown!" * 2))

    opened.store._database._connection.set_trace_callback(None)
    assert [statement.split()[0] for statement in statements] == ["BEGIN", "DELETE", "UPDATE", "COMMIT"]
    assert waiting_ids(opened, bob) == ids[2:]
