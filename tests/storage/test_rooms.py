"""Rooms: who may do what at the moment of numbering, and what members are told."""

import pytest

from secure_chat.errors import (
    NotMember,
    PermissionDenied,
    RoomExists,
    RoomLimit,
    RoomNameInvalid,
    RoomUnknown,
    TokenUnknown,
    UserUnknown,
)
from secure_chat.limits import MAX_BLOB_BYTES, MAX_RING_BYTES, MAX_RING_MESSAGES, MAX_ROOMS_PER_ACCOUNT, MAX_TEXT_BYTES
from secure_chat.protocol.events import Joined, Kicked, Left, Message, TopicSet
from secure_chat.protocol.states import Role
from secure_chat.storage import outcomes
from secure_chat.storage.decisions import rooms as room_decisions
from secure_chat.storage.entries import (
    CreateRoom,
    JoinRoom,
    Kick,
    LeaveRoom,
    OpenRoom,
    PostMessage,
    SetAccountState,
    SetTopic,
)
from secure_chat.storage.outcomes import MembershipBegan, MembershipEnded, Numbered, Refused, Settled
from tests.storage.opened import Opened, appended, decoded, post


def test_the_lobby_is_there_from_the_first_start_on_and_everybody_is_in_it(opened: Opened) -> None:
    alice = opened.register("alice")

    [joined] = opened.events("lobby")

    assert joined == Joined("lobby", 1, opened.now, "alice")
    assert opened.settled(OpenRoom(alice.account, "lobby", None), outcomes.Opened).members == 1


def test_a_post_gets_the_rooms_next_number_the_servers_time_and_the_accounts_name(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = PostMessage(alice.account, alice.device, "lobby", alice.client_id(), "hello", action=True)

    committed = opened.commit(entry)

    assert committed.outcomes == [Numbered("lobby", 2, opened.now, None)]
    assert appended(committed, "lobby") == [
        Message("lobby", 2, opened.now, "alice", entry.client_id, "hello", action=True)
    ]
    assert opened.events("lobby")[1:] == appended(committed, "lobby")


def test_the_sender_is_told_the_stored_text_when_it_differs(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = PostMessage(alice.account, alice.device, "lobby", alice.client_id(), "tidy", changed=True)

    assert opened.settled(entry, Numbered).changed == "tidy"


def test_who_is_no_member_posts_nothing_and_a_room_that_is_not_there_takes_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(CreateRoom(None, "dev"))

    assert isinstance(opened.refusal(post(alice, "dev", "hello")), NotMember)
    assert isinstance(opened.refusal(post(alice, "nowhere", "hello")), RoomUnknown)
    assert isinstance(opened.refusal(OpenRoom(alice.account, "dev", None)), NotMember)
    assert isinstance(opened.refusal(SetTopic(alice.account, 1, "dev", alice.client_id(), "ours")), NotMember)
    assert opened.events("dev") == []


def test_an_account_that_does_not_exist_can_do_nothing(opened: Opened) -> None:
    entry = PostMessage(4711, 1, "lobby", b"i" * 16, "hello")

    assert isinstance(opened.refusal(entry), TokenUnknown)


def test_rights_are_decided_at_numbering_in_the_order_of_the_batch(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")

    committed = opened.commit(
        post(alice, "lobby", "first"),
        LeaveRoom(alice.account, "lobby"),
        post(alice, "lobby", "too late"),
        post(bob, "lobby", "second"),
        JoinRoom(alice.account, "lobby"),
        post(alice, "lobby", "third"),
    )

    kinds = [type(outcome) for outcome in committed.outcomes]
    assert kinds == [Numbered, Settled, Refused, Numbered, outcomes.Opened, Numbered]
    said = appended(committed, "lobby")
    assert [type(event) for event in said] == [Message, Left, Message, Joined, Message]
    assert [event.number for event in said] == [3, 4, 5, 6, 7]
    assert [event.text for event in said if isinstance(event, Message)] == ["first", "second", "third"]
    assert committed.changes == [
        MembershipEnded("lobby", alice.account, 4),
        MembershipBegan("lobby", alice.account, 6),
    ]


def test_a_room_is_made_with_its_maker_in_it(opened: Opened) -> None:
    alice = opened.register("alice")

    committed = opened.commit(CreateRoom(alice.account, "dev"), post(alice, "dev", "hello"))

    assert committed.outcomes[0] == outcomes.Opened(alice.account, "dev", "", 1, 1, 0, 1, ())
    assert committed.changes == [MembershipBegan("dev", alice.account, 1)]
    assert [event.number for event in appended(committed, "dev")] == [1, 2]


def test_a_room_is_made_once_by_a_valid_name(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(CreateRoom(alice.account, "dev"))

    assert isinstance(opened.refusal(CreateRoom(alice.account, "dev")), RoomExists)
    assert isinstance(opened.refusal(CreateRoom(None, "lobby")), RoomExists)
    assert isinstance(opened.refusal(CreateRoom(alice.account, "Dev Ops")), RoomNameInvalid)


def test_nobody_is_in_more_rooms_than_the_limit(opened: Opened) -> None:
    alice = opened.register("alice")
    names = [f"room-{number}" for number in range(MAX_ROOMS_PER_ACCOUNT)]  # and the lobby
    opened.commit(*(CreateRoom(None, name) for name in names))
    joined = opened.commit(*(JoinRoom(alice.account, name, fill=False) for name in names))

    refused = [outcome for outcome in joined.outcomes if isinstance(outcome, Refused)]
    assert [type(outcome.error) for outcome in refused] == [RoomLimit]
    assert isinstance(opened.refusal(CreateRoom(alice.account, "one-more")), RoomLimit)
    assert "one-more" not in {room for room, _ in opened.commit(OpenRoom(alice.account, "lobby", 0)).appended.items()}
    opened.commit(LeaveRoom(alice.account, "lobby"))
    assert isinstance(opened.outcome(CreateRoom(alice.account, "one-more")), outcomes.Opened)


def test_a_server_has_no_more_rooms_than_the_limit(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_decisions, "MAX_ROOMS", 2)
    opened.commit(CreateRoom(None, "second"))

    assert isinstance(opened.refusal(CreateRoom(None, "third")), RoomLimit)


def test_one_member_cannot_use_up_the_rooms_of_the_server_by_making_and_leaving_them(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_decisions, "MAX_ROOMS_MADE_BY_ONE", 2)
    alice, bob = opened.register("alice"), opened.register("bob")
    root = opened.register("rosa", role=Role.ADMINISTRATOR)
    for name in ("first", "second"):
        opened.commit(CreateRoom(alice.account, name), LeaveRoom(alice.account, name))

    together = opened.commit(CreateRoom(alice.account, "third"), CreateRoom(bob.account, "fourth"))

    assert [type(outcome) for outcome in together.outcomes] == [Refused, outcomes.Opened]
    assert isinstance(opened.refusal(CreateRoom(alice.account, "third")), RoomLimit)
    for name in ("fifth", "sixth", "seventh"):
        assert isinstance(opened.outcome(CreateRoom(root.account, name)), outcomes.Opened)


def test_joining_again_is_answered_as_the_first_time_and_writes_nothing(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(CreateRoom(alice.account, "dev"))
    first = opened.settled(JoinRoom(bob.account, "dev"), outcomes.Opened)
    opened.post(alice, "dev", "hello")

    committed = opened.commit(JoinRoom(bob.account, "dev", fill=False))

    assert committed.outcomes == [outcomes.Opened(bob.account, "dev", "", 3, 1, first.after, 2)]
    assert (first.after, committed.appended, committed.changes) == (1, {}, [])


def test_leaving_again_is_done_and_writes_nothing(opened: Opened) -> None:
    alice = opened.register("alice")
    first = opened.commit(LeaveRoom(alice.account, "lobby"))

    assert first.changes == [MembershipEnded("lobby", alice.account, 2)]
    second = opened.commit(LeaveRoom(alice.account, "lobby"))
    assert (second.outcomes, second.changes, second.appended) == ([Settled()], [], {})


def test_a_topic_is_numbered_kept_and_shown_to_who_opens_the_room(opened: Opened) -> None:
    alice = opened.register("alice")
    entry = SetTopic(alice.account, alice.device, "lobby", alice.client_id(), "be kind")

    assert opened.settled(entry, Numbered).number == 2
    opened.reopen()

    assert opened.events("lobby")[-1] == TopicSet("lobby", 2, opened.now, "alice", "be kind")
    assert opened.settled(OpenRoom(alice.account, "lobby", None), outcomes.Opened).topic == "be kind"


def test_an_administrator_kicks_and_the_kick_is_the_last_that_the_kicked_may_receive(opened: Opened) -> None:
    root, mallory = opened.register("root", role=Role.ADMINISTRATOR), opened.register("mallory")
    opened.commit(LeaveRoom(root.account, "lobby"))  # rights do not come from being there

    committed = opened.commit(
        Kick(root.account, root.device, "lobby", root.client_id(), "mallory", "enough"),
        post(mallory, "lobby", "still here"),
    )

    kicked = Kicked("lobby", 4, opened.now, "mallory", "root", "enough")
    assert appended(committed, "lobby") == [kicked]
    assert committed.changes == [MembershipEnded("lobby", mallory.account, 4)]
    assert [type(outcome) for outcome in committed.outcomes] == [Numbered, Refused]


def test_only_an_administrator_kicks_and_only_members(opened: Opened) -> None:
    root, alice = opened.register("root", role=Role.ADMINISTRATOR), opened.register("alice")
    opened.commit(CreateRoom(root.account, "dev"))

    by_alice = Kick(alice.account, alice.device, "lobby", alice.client_id(), "root")
    assert isinstance(opened.refusal(by_alice), PermissionDenied)
    nobody = Kick(root.account, root.device, "lobby", root.client_id(), "nobody")
    assert isinstance(opened.refusal(nobody), UserUnknown)
    elsewhere = Kick(root.account, root.device, "dev", root.client_id(), "alice")
    assert isinstance(opened.refusal(elsewhere), NotMember)


def test_the_right_to_kick_is_that_of_the_moment_of_numbering(opened: Opened) -> None:
    root, alice = opened.register("root", role=Role.ADMINISTRATOR), opened.register("alice")

    committed = opened.commit(
        SetAccountState("root", "disabled"), Kick(root.account, root.device, "lobby", root.client_id(), "alice")
    )

    assert isinstance(committed.outcomes[1], Refused)
    assert opened.settled(OpenRoom(alice.account, "lobby", None), outcomes.Opened).members == 2


def test_opening_says_from_where_events_follow(opened: Opened) -> None:
    alice = opened.register("alice")
    for text in "abc":
        opened.post(alice, "lobby", text)

    for asked, after in [(None, 4), (0, 0), (2, 2), (99, 4)]:
        answer = opened.settled(OpenRoom(alice.account, "lobby", asked, fill=False), outcomes.Opened)
        assert (answer.after, answer.head, answer.first, answer.tail) == (after, 4, 1, None)


def test_a_tail_ends_where_the_batch_begins_so_that_what_was_appended_follows_it(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "before")

    committed = opened.commit(
        post(alice, "lobby", "within"), OpenRoom(alice.account, "lobby", 0), post(alice, "lobby", "after")
    )

    answer = committed.outcomes[1]
    assert isinstance(answer, outcomes.Opened)
    assert answer.tail is not None
    tail = decoded(b"".join(blob.frames for blob in answer.tail))
    assert [event.number for event in tail + appended(committed, "lobby")] == [1, 2, 3, 4]


def test_a_tail_holds_what_one_ring_holds(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", str(number)) for number in range(MAX_RING_MESSAGES + 10)))
    many = opened.settled(OpenRoom(alice.account, "lobby", None), outcomes.Opened)
    large = "x" * MAX_TEXT_BYTES
    opened.commit(*(post(alice, "lobby", large) for _ in range(MAX_RING_BYTES // MAX_TEXT_BYTES + 10)))
    big = opened.settled(OpenRoom(alice.account, "lobby", None), outcomes.Opened)

    assert many.tail is not None
    assert many.tail[0].first == many.head - MAX_RING_MESSAGES + 1
    assert many.tail[-1].last == many.head
    assert big.tail is not None
    assert MAX_RING_BYTES - 2 * MAX_TEXT_BYTES < sum(len(blob.frames) for blob in big.tail) <= MAX_RING_BYTES
    assert big.tail[-1].last == big.head


def test_what_was_appended_comes_in_blobs_of_limited_size_without_a_gap(opened: Opened) -> None:
    alice = opened.register("alice")
    texts = ["x" * (997 * number % MAX_TEXT_BYTES) for number in range(1, 60)]

    committed = opened.commit(*(post(alice, "lobby", text) for text in texts))

    blobs = committed.appended["lobby"]
    assert all(len(blob.frames) <= MAX_BLOB_BYTES for blob in blobs)
    assert [blob.first for blob in blobs[1:]] == [blob.last + 1 for blob in blobs[:-1]]
    assert (blobs[0].first, blobs[-1].last) == (2, 60)
    assert opened.events("lobby")[1:] == appended(committed, "lobby")


def test_after_a_restart_rooms_members_and_numbers_are_as_before(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(CreateRoom(alice.account, "dev"), LeaveRoom(bob.account, "lobby"))
    opened.post(alice, "dev", "hello")

    opened.reopen()

    assert isinstance(opened.refusal(post(bob, "lobby", "hello")), NotMember)
    assert opened.post(alice, "dev", "again").number == 3
    assert opened.settled(JoinRoom(bob.account, "dev", fill=False), outcomes.Opened).members == 2
