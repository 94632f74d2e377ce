"""Repeats: the first answer again, stored once, known for 48 hours, across restarts."""

import secrets

import pytest

from secure_chat.errors import ClientIdReused, NotMember
from secure_chat.limits import IDEMPOTENCY_HOURS, SWEEP_ROWS
from secure_chat.protocol.states import Role
from secure_chat.storage import sent_ids
from secure_chat.storage.entries import AnyEntry, CreateRoom, Kick, LeaveRoom, PostMessage, SetTopic
from secure_chat.storage.outcomes import Numbered, Refused
from tests.storage.opened import HOUR_MS, Opened, post


def rest(opened: Opened) -> None:
    """An idle hour: what was in the log alone is in the table then."""
    opened.now += HOUR_MS
    while opened.store.maintain(opened.now, idle=True):
        pass
    assert opened.store._sent_ids.waiting == 0


def test_a_repeat_gets_the_first_answer_and_is_stored_once(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = PostMessage(alice.account, alice.device, "lobby", alice.client_id(), "hello", changed=True)
    first = opened.settled(entry, Numbered)
    opened.now += 5000

    committed = opened.commit(entry, entry)

    assert committed.outcomes == [first, first]
    assert committed.appended == {}
    assert len(opened.events("lobby")) == 2


def test_a_repeat_within_one_batch_gets_the_same_number(opened: Opened) -> None:
    alice = opened.register("alice")
    entry, other = post(alice, "lobby", "hello"), post(alice, "lobby", "world")

    committed = opened.commit(entry, other, entry)

    assert committed.outcomes[0] == committed.outcomes[2] != committed.outcomes[1]
    assert len(opened.events("lobby")) == 3


@pytest.mark.parametrize("moved", [False, True])
def test_a_repeat_is_known_after_a_restart_and_so_are_lower_ids_of_its_run(
    opened: Opened, caplog: pytest.LogCaptureFixture, moved: bool
) -> None:
    alice = opened.register("alice")
    entries = [post(alice, "lobby", str(number)) for number in range(5)]
    first = opened.commit(*entries).outcomes
    if moved:
        rest(opened)

    opened.reopen()

    assert opened.commit(*reversed(entries)).outcomes == first[::-1]
    assert opened.post(alice, "lobby", "next").number == 7
    opened.reopen()
    # a fresh id first: the highest in the table, not the first one seen, decides what is new
    assert opened.post(alice, "lobby", "another").number == 8
    assert opened.commit(*entries).outcomes == first
    assert caplog.text == ""  # known at once, not by a batch that failed and was done again


def test_a_run_that_is_partly_in_the_table_is_known_as_a_whole(opened: Opened) -> None:
    alice = opened.register("alice")
    low, moved, late, new = (alice.client_id() for _ in range(4))

    def entry(client_id: bytes) -> PostMessage:
        return PostMessage(alice.account, alice.device, "lobby", client_id, client_id.hex())

    first = opened.outcome(entry(moved))
    rest(opened)
    opened.reopen()
    second = opened.outcome(entry(low))  # lower than what the table has, and in the log alone
    opened.reopen()

    assert opened.commit(entry(moved), entry(low)).outcomes == [first, second]
    assert [opened.settled(entry(each), Numbered).number for each in (new, late)] == [4, 5]


def test_an_id_below_the_highest_that_was_never_used_is_still_taken(opened: Opened) -> None:
    alice = opened.register("alice")
    low, high = alice.client_id(), alice.client_id()

    opened.commit(PostMessage(alice.account, alice.device, "lobby", high, "second"))

    assert opened.settled(PostMessage(alice.account, alice.device, "lobby", low, "first"), Numbered).number == 3


def test_more_runs_than_are_remembered_change_nothing(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sent_ids, "MAX_REMEMBERED_RUNS", 3)
    alice = opened.register("alice")
    entries = [
        PostMessage(alice.account, alice.device, "lobby", secrets.token_bytes(16), str(number)) for number in range(20)
    ]
    first = [opened.outcome(entry) for entry in entries[:10]] + opened.commit(*entries[10:]).outcomes

    assert [opened.outcome(entry) for entry in entries] == first
    assert opened.commit(*entries, *entries).outcomes == first + first
    rest(opened)
    assert [opened.outcome(entry) for entry in entries] == first
    more = post(alice, "lobby", "one more")  # all other runs are forgotten after this batch, not its own
    *_, answer = opened.commit(*entries, more).outcomes
    assert opened.outcome(more) == answer
    assert len(opened.store._sent_ids._highest) <= 4


def test_the_same_id_with_another_content_is_refused(opened: Opened) -> None:
    root = opened.register("root", role=Role.ADMINISTRATOR)
    opened.register("alice")
    opened.commit(CreateRoom(root.account, "dev"))
    account, device, client_id = root.account, root.device, root.client_id()
    opened.commit(PostMessage(account, device, "lobby", client_id, "hello"))

    others: list[AnyEntry] = [
        PostMessage(account, device, "lobby", client_id, "hullo"),
        PostMessage(account, device, "dev", client_id, "hello"),
        PostMessage(account, device, "lobby", client_id, "hello", action=True),
        PostMessage(account, device, "lobby", client_id, "hello", changed=True),
        SetTopic(account, device, "lobby", client_id, "hello"),
        Kick(account, device, "lobby", client_id, "alice"),
    ]
    for other in others:
        assert isinstance(opened.refusal(other), ClientIdReused)
    assert len(opened.events("lobby")) == 3


def test_ids_of_other_devices_and_accounts_are_their_own(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    client_id = alice.client_id()

    committed = opened.commit(
        PostMessage(alice.account, 1, "lobby", client_id, "a"),
        PostMessage(alice.account, 2, "lobby", client_id, "b"),
        PostMessage(bob.account, 1, "lobby", client_id, "c"),
    )

    assert [outcome.number for outcome in committed.outcomes if isinstance(outcome, Numbered)] == [3, 4, 5]


def test_a_refused_entry_leaves_no_row_so_that_it_may_come_again(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(CreateRoom(None, "dev"))
    entry = post(alice, "dev", "hello")
    assert isinstance(opened.refusal(entry), NotMember)

    opened.join(alice, "dev")

    assert opened.settled(entry, Numbered).number == 2


def test_a_repeat_is_answered_even_after_the_right_has_gone(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = post(alice, "lobby", "hello")
    first = opened.outcome(entry)
    opened.commit(LeaveRoom(alice.account, "lobby"))

    assert opened.outcome(entry) == first


@pytest.mark.parametrize("kind", ["topic", "kick"])
def test_topics_and_kicks_are_repeated_like_messages(opened: Opened, kind: str) -> None:
    root = opened.register("root", role=Role.ADMINISTRATOR)
    opened.register("alice")
    entry: SetTopic | Kick = SetTopic(root.account, root.device, "lobby", root.client_id(), "ours", changed=True)
    if kind == "kick":
        entry = Kick(root.account, root.device, "lobby", root.client_id(), "alice", "enough")

    first = opened.settled(entry, Numbered)

    assert opened.commit(entry, entry).outcomes == [first, first]
    assert len(opened.events("lobby")) == 3


def test_ids_are_forgotten_after_48_hours_and_not_before(opened: Opened) -> None:
    alice = opened.register("alice")
    old = [post(alice, "lobby", str(number)) for number in range(SWEEP_ROWS + 10)]
    opened.commit(*old)
    opened.now += HOUR_MS
    young = post(alice, "lobby", "young")
    opened.commit(young)

    opened.now += (IDEMPOTENCY_HOURS - 1) * HOUR_MS + 1
    while opened.store.maintain(opened.now, idle=True):
        pass
    opened.reopen()

    repeated = opened.commit(young, *old[:2]).outcomes
    assert [outcome.number for outcome in repeated if isinstance(outcome, Numbered)] == [
        2 + len(old),
        3 + len(old),
        4 + len(old),
    ]
    assert not any(isinstance(outcome, Refused) for outcome in repeated)
