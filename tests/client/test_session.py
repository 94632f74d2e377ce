"""A session without a socket: what it asks, what it tells, and what it does with a server that misbehaves."""

import itertools
from collections.abc import Callable

import pytest

from secure_chat.client.events import (
    Answered,
    CatchUpBegan,
    CatchUpEnded,
    Event,
    Failed,
    Heard,
    HistoryFound,
    LineAccepted,
    LineDelayed,
    LineQueued,
    LineRefused,
    NotKept,
    PresenceChanged,
    RoomEntered,
    RoomLost,
    ServerStopping,
    Ticket,
    Told,
)
from secure_chat.client.outbox import KNOWN_MS
from secure_chat.client.session import Session, SessionFacts
from secure_chat.errors import DeviceReplaced, ServerSaidNonsense, SlowReader
from secure_chat.limits import MAX_UNREAD_AT_START, MAX_WAITING_LINES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import encode


class Talk:
    """A session, and a server's side that a test speaks for."""

    def __init__(self, markers: dict[str, int] | None = None, *, attend: bool = True) -> None:
        self.now_ms = 1_000_000
        self.now = 0.0
        self.events: list[Event] = []
        self.markers = markers or {}
        facts = SessionFacts("here:7443", "alice", self.markers, attend, b"run id 8", lambda: self.now_ms)
        self.session = Session(facts, self.events.append)
        self._ids: Callable[[], int] = itertools.count(1).__next__

    def connect(self, *rooms: e.JoinedRoom) -> list[c.Command]:
        self.session.connected(e.Welcome(1, bytes(16), "alice", "member", 0, 1, 0, list(rooms)))
        return self.sent()

    def sent(self) -> list[c.Command]:
        return list(self.session.commands(self.now, self._ids))

    def say(self, *said: e.Said) -> None:
        for each in said:
            self.session.said(each, self.now)

    def opened(self, command: c.Command, *, head: int, after: int, first: int = 1) -> None:
        assert isinstance(command, c.RoomOpen | c.RoomJoin | c.RoomCreate)
        self.say(e.RoomOpened(command.id, command.room, "", head, first, after, 3))

    def told(self, *kinds: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kinds)]

    def heard(self) -> list[int]:
        return [event.event.number for event in self.events if isinstance(event, Heard)]


def dev(head: int, first: int = 1) -> e.JoinedRoom:
    return e.JoinedRoom("dev", "", head, first)


def message(number: int, text: str = "hello", *, sender: str = "bob", client_id: bytes = bytes(16)) -> e.Message:
    return e.Message("dev", number, 5, sender, client_id, text)


def page(command: c.Command, events: list[e.RoomEvent], last: int) -> e.HistoryPage:
    assert isinstance(command, c.RoomHistory)
    return e.HistoryPage(command.id, command.room, command.first, last, b"".join(encode(event) for event in events))


# --- rooms ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "head", "after"),
    [(None, 50, 50), (40, 50, 40), (60, 50, 50), (1, 5000, 5000 - MAX_UNREAD_AT_START)],
    ids=["never read", "some unread", "a server with an old database", "more unread than is shown by itself"],
)
def test_at_the_start_a_room_is_opened_where_the_person_was(marker: int | None, head: int, after: int) -> None:
    talk = Talk({} if marker is None else {"dev": marker})
    [opening] = talk.connect(dev(head))
    assert isinstance(opening, c.RoomOpen)
    assert (opening.room, opening.after) == ("dev", after)
    talk.opened(opening, head=head, after=after)
    [entered] = talk.told(RoomEntered)
    assert isinstance(entered, RoomEntered)
    assert entered.unread == max(0, head - (head if marker is None else marker))


def test_a_gap_is_fetched_page_by_page_before_what_is_newer_is_shown() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.say(e.RoomGap("dev", 11, 215), message(216))
    assert talk.heard() == []
    [first] = talk.sent()
    assert isinstance(first, c.RoomHistory)
    assert (first.first, first.last) == (11, 210), "no more than a page can hold"
    talk.say(page(first, [message(number) for number in range(11, 151)], 150))
    [second] = talk.sent()
    assert isinstance(second, c.RoomHistory)
    assert (second.first, second.last) == (151, 215)
    talk.say(page(second, [message(number) for number in range(160, 216)], 215))
    assert talk.heard() == [*range(11, 151), *range(160, 216), 216]
    assert talk.told(NotKept) == [NotKept("dev", 151, 159)]
    assert talk.told(CatchUpBegan, CatchUpEnded) == [CatchUpBegan("dev", 11, 215), CatchUpEnded("dev", 216)]


def test_after_a_reconnect_a_room_goes_on_where_it_was_shown_to() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.say(message(11), e.RoomGap("dev", 12, 40))
    talk.sent()
    talk.session.disconnected()
    [again] = talk.connect(dev(50))
    assert isinstance(again, c.RoomOpen)
    assert again.after == 11
    talk.opened(again, head=50, after=11)
    talk.say(*(message(number) for number in range(12, 51)))
    assert talk.heard() == list(range(11, 51))
    last = talk.told(RoomEntered)[-1]
    assert isinstance(last, RoomEntered)
    assert last.again


def test_a_room_that_one_is_no_longer_in_is_lost_at_the_next_welcome() -> None:
    talk = Talk()
    talk.connect(dev(10))
    talk.session.disconnected()
    assert talk.connect() == []
    assert talk.told(RoomLost) == [RoomLost("dev", kicked=False)]


def test_who_is_kicked_while_behind_gets_what_was_held_and_then_loses_the_room() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.say(e.RoomGap("dev", 11, 20), e.Kicked("dev", 21, 5, "alice", "chief"))
    [asking] = talk.sent()
    talk.say(e.Failure(asking.id, "room.not_member", "Not a member."))
    assert talk.told(NotKept, Heard, RoomLost) == [
        NotKept("dev", 11, 20),
        Heard(e.Kicked("dev", 21, 5, "alice", "chief"), True, False),
        RoomLost("dev", kicked=True),
    ]


def test_an_old_leaving_that_is_caught_up_with_ends_nothing() -> None:
    talk = Talk({"dev": 5})
    [opening] = talk.connect(dev(8))
    talk.opened(opening, head=8, after=5)
    talk.say(e.Left("dev", 6, 5, "alice"), e.Joined("dev", 7, 5, "alice"), message(8))
    assert talk.heard() == [6, 7, 8]
    assert talk.told(RoomLost) == []


def test_an_opening_that_is_refused_for_a_while_is_repeated_and_for_good_is_told() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.say(e.Failure(opening.id, "busy", "Wait.", retry_after=1.0))
    talk.now = 1.0
    [again] = talk.sent()
    assert isinstance(again, c.RoomOpen)
    talk.say(e.Failure(again.id, "permission.denied", "No."))
    [told] = talk.told(Told)
    assert isinstance(told, Told)
    assert told.error.code == "permission.denied"


def test_an_opening_of_a_membership_that_has_just_ended_loses_the_room() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.say(e.Failure(opening.id, "room.not_member", "No."))
    assert talk.told(RoomLost) == [RoomLost("dev", kicked=False)]


def test_a_fault_of_the_server_while_catching_up_is_waited_for() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.say(e.RoomGap("dev", 11, 12))
    [asking] = talk.sent()
    talk.say(e.Failure(asking.id, "internal", "Fault 17."))
    talk.now = 60.0
    [again] = talk.sent()
    talk.say(page(again, [message(11), message(12)], 12))
    assert talk.heard() == [11, 12]


def test_presence_passes_and_that_of_other_rooms_does_not() -> None:
    talk = Talk()
    talk.connect(dev(10))
    talk.say(e.Presence("dev", ["bob"], ["carol"], 7), e.Presence("elsewhere", ["eve"], [], 1))
    assert talk.told(PresenceChanged) == [PresenceChanged("dev", ("bob",), ("carol",), 7)]


# --- lines ---------------------------------------------------------------------------------------


def posted(commands: list[c.Command]) -> list[c.RoomPost]:
    return [command for command in commands if isinstance(command, c.RoomPost)]


def test_one_line_of_a_room_is_under_way_at_a_time_so_that_a_refusal_cannot_reorder() -> None:
    talk = Talk()
    talk.connect()
    for ticket, (room, text) in enumerate([("dev", "one"), ("dev", "two"), ("ops", "three")], start=1):
        talk.session.post(Ticket(ticket), room, text, False)
    one, three = posted(talk.sent())
    assert (one.text, three.text) == ("one", "three")
    talk.say(e.Failure(one.id, "rate.limited", "Slow down.", retry_after=2.0))
    assert talk.sent() == []
    assert talk.told(LineDelayed)
    talk.now = 2.0
    [again] = posted(talk.sent())
    assert (again.text, again.client_id) == ("one", one.client_id)
    talk.say(e.Accepted(again.id, "dev", 11, 5))
    [two] = posted(talk.sent())
    assert two.text == "two"
    assert two.client_id > one.client_id


def test_a_line_whose_answer_was_lost_is_sent_again_under_the_same_client_id() -> None:
    talk = Talk()
    talk.connect()
    talk.session.post(Ticket(1), "dev", "hello", False)
    [first] = posted(talk.sent())
    talk.session.disconnected()
    talk.session.post(Ticket(2), "dev", "offline", False)
    assert talk.told(LineQueued) == [LineQueued(Ticket(2), "dev", 2)]
    [again] = posted(talk.connect())
    assert (again.client_id, again.text) == (first.client_id, "hello")
    assert [line.text for line in talk.session.unsent()] == ["hello", "offline"]


def test_a_line_that_the_server_may_have_forgotten_is_not_sent_a_second_time() -> None:
    talk = Talk()
    talk.connect()
    talk.session.post(Ticket(1), "dev", "on Friday", False)
    [first] = posted(talk.sent())
    talk.say(e.Failure(first.id, "busy", "Wait.", retry_after=1.0))
    talk.session.disconnected()
    talk.now_ms += KNOWN_MS
    talk.now = 100.0
    assert posted(talk.connect()) == []
    [refused] = talk.told(LineRefused)
    assert isinstance(refused, LineRefused)
    assert (refused.text, refused.error.code) == ("on Friday", "net.lost")


def test_the_event_of_an_own_line_bears_its_ticket_once() -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.session.post(Ticket(7), "dev", "hello", False)
    [line] = posted(talk.sent())
    talk.say(message(11, sender="alice", client_id=line.client_id), e.Accepted(line.id, "dev", 11, 5, "HELLO"))
    [heard] = talk.told(Heard)
    assert isinstance(heard, Heard)
    assert (heard.ticket, heard.own) == (7, True)
    assert talk.told(LineAccepted) == [LineAccepted(Ticket(7), "dev", 11, 5, "HELLO")]


def test_no_more_lines_wait_than_the_limit_allows() -> None:
    talk = Talk()
    for number in range(MAX_WAITING_LINES + 1):
        talk.session.post(Ticket(number), "dev", "hello", False)
    [refused] = talk.told(LineRefused)
    assert isinstance(refused, LineRefused)
    assert (refused.ticket, refused.error.code) == (MAX_WAITING_LINES, "net.queue_full")


# --- calls ---------------------------------------------------------------------------------------


def test_a_call_under_way_is_asked_again_on_the_next_connection_and_answered_once() -> None:
    talk = Talk()
    talk.connect()
    talk.session.list_rooms(Ticket(1), "", "")
    [first] = talk.sent()
    talk.session.disconnected()
    [again] = talk.connect()
    assert isinstance(again, c.RoomList)
    assert again.id != first.id
    talk.say(e.RoomPage(first.id, [], False, 0), e.RoomPage(again.id, [], False, 0), e.RoomPage(again.id, [], False, 0))
    assert len(talk.told(Answered)) == 1


def test_offline_a_call_fails_at_once() -> None:
    talk = Talk()
    talk.session.list_users(Ticket(1), "")
    talk.session.history(Ticket(2), "dev", None, 10)
    assert [(event.ticket, event.error.code) for event in talk.events if isinstance(event, Failed)] == [
        (1, "net.offline"),
        (2, "net.offline"),
    ]


def test_history_of_numbers_that_are_not_kept_ends_and_does_not_ask_for_ever() -> None:
    talk = Talk(attend=False)
    talk.connect(dev(300))
    talk.session.history(Ticket(1), "dev", None, 250)
    [first] = talk.sent()
    assert isinstance(first, c.RoomHistory)
    talk.say(page(first, [], first.first - 1))
    [second] = talk.sent()
    assert isinstance(second, c.RoomHistory)
    talk.say(page(second, [], second.first - 1))
    assert talk.sent() == []
    [answered] = talk.told(Answered)
    assert isinstance(answered, Answered)
    assert answered.answer == HistoryFound("dev", 51, 300, (), earlier=True)


# --- what the server says by itself --------------------------------------------------------------


def test_a_server_that_stops_is_told_and_a_replaced_session_ends_the_connection() -> None:
    talk = Talk()
    talk.connect()
    talk.say(e.ServerClosing(3.0, "Maintenance."))
    assert talk.told(ServerStopping) == [ServerStopping("Maintenance.", 3.0)]
    with pytest.raises(DeviceReplaced):
        talk.say(e.SessionReplaced())
    with pytest.raises(SlowReader):
        talk.say(e.Failure(0, "slow.reader", "Too slow."))


@pytest.mark.parametrize(
    "events",
    [
        [e.Message("ops", 11, 5, "bob", bytes(16), "of another room")],
        [message(12), message(11)],
        [message(11), message(11)],
    ],
    ids=["another room", "out of order", "twice"],
)
def test_a_page_of_history_that_is_none_ends_the_connection(events: list[e.RoomEvent]) -> None:
    talk = Talk()
    [opening] = talk.connect(dev(10))
    talk.opened(opening, head=10, after=10)
    talk.say(e.RoomGap("dev", 11, 12))
    [asking] = talk.sent()
    with pytest.raises(ServerSaidNonsense):
        talk.say(page(asking, events, 12))


def test_another_answer_than_was_asked_for_ends_the_connection() -> None:
    talk = Talk()
    talk.connect()
    talk.session.list_rooms(Ticket(1), "", "")
    [asking] = talk.sent()
    with pytest.raises(ServerSaidNonsense):
        talk.say(e.Done(asking.id))


def test_events_of_rooms_that_were_never_opened_are_let_pass() -> None:
    talk = Talk(attend=False)
    talk.connect(dev(10))
    talk.say(message(11), e.RoomGap("elsewhere", 1, 2), e.PongReply(99))
    assert talk.events == []
