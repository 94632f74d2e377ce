"""Whatever is typed and whatever a server says: no fault of the program, no control character, no forged line."""

import re
from typing import Final

from hypothesis import example, given
from hypothesis import strategies as st

from secure_chat.client import events as e
from secure_chat.client.direct import events as d
from secure_chat.client.line.commands import registry
from secure_chat.client.line.registry import Group
from secure_chat.errors import KeyChanged, MailboxFull, NewcomersWait, NotMember, RateLimited, UserUnknown
from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, RoomSummary, TopicSet
from secure_chat.protocol.events import Person as Listed
from tests.client.line.person import Person, heard

CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# How every row begins: a time and a room or a conversation, a sign, a bar, a divider, an indent, a number, a room or a
# conversation of a listing; or it is a heading of the help.
HEADINGS: Final = "|".join(re.escape(f"{group.value}:") for group in Group)
CONVERSATION: Final = r"\[[a-z0-9-]+(, end-to-end, |,)"  # a narrow screen breaks it anywhere behind the name
CLOCK: Final = r"(\d\d:\d\d|--:--)"
NUMBER: Final = rf" {{0,4}}\d+(  {CLOCK}|\Z)"
BEGINNING: Final = re.compile(
    rf"{CLOCK} (#|{CONVERSATION})|[*!] |    \| |--- |  |{NUMBER}|#|{CONVERSATION}|({HEADINGS})\Z"
)

TEXTS = (
    st.text()
    | st.text(alphabet=st.sampled_from("a b\n\r\t\x1b[2J\x9b\u202e\u0301@alice:#/10:02 "))
    | st.sampled_from(["\ud800", "a\udcff", "/", "//", "! ", "@alice"])
)
NAMES = st.sampled_from(["alice", "dave", "bob", "dev", "lobby"]) | TEXTS
NUMBERS = st.integers(0, 2**63 - 1)


def room_events(room: str) -> st.SearchStrategy[RoomEvent]:
    of, number, time, name = st.just(room), NUMBERS, NUMBERS, NAMES
    return st.one_of(
        st.builds(Message, of, number, time, name, st.just(b"\0" * 16), TEXTS, st.booleans()),
        st.builds(TopicSet, of, number, time, name, TEXTS),
        st.builds(Joined, of, number, time, name),
        st.builds(Left, of, number, time, name),
        st.builds(Kicked, of, number, time, name, name, TEXTS),
    )


TICKETS = st.integers(1, 20).map(e.Ticket)
ERRORS = st.sampled_from([NotMember, RateLimited, KeyChanged, MailboxFull, NewcomersWait, UserUnknown]).flatmap(
    lambda error: st.builds(error, TEXTS)
)
# Whose conversation it is was checked with the device list: it is a user name, and the rest is anything.
PEERS = st.sampled_from(["alice", "dave", "bob", "dev", "lobby"]) | st.text("ab-9", min_size=2, max_size=32)
TRUST, FINGERPRINTS = st.sampled_from(d.Trust), st.binary(max_size=16)
ROWS = st.builds(
    d.DirectMessage,
    *(PEERS, NUMBERS, st.booleans(), st.sampled_from(d.MessageKind), TEXTS),
    *(NUMBERS, NUMBERS, TRUST, TEXTS, st.booleans()),
)
CONTACT_ROWS = st.builds(d.ContactRow, PEERS, TRUST, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
DIGITS = st.text("0123456789", min_size=60, max_size=60)
DIRECT_ANSWERS: st.SearchStrategy[d.DirectAnswer] = st.one_of(
    st.builds(d.SafetyNumber, PEERS, DIGITS, st.binary(min_size=105, max_size=105), TRUST, FINGERPRINTS),
    st.builds(d.ConversationFound, PEERS, st.lists(ROWS, max_size=3).map(tuple), st.booleans()),
    st.builds(d.DirectsFound, st.lists(ROWS, max_size=3).map(tuple), NUMBERS),
    st.builds(d.ContactsFound, st.lists(CONTACT_ROWS, max_size=3).map(tuple)),
    st.builds(d.InviteReady, st.just("secure-chat://localhost:7443/j#1.a.b.c.d.e"), NUMBERS),
)
DIRECT_EVENTS: st.SearchStrategy[d.DirectEvent] = st.one_of(
    st.builds(d.DirectHeard, ROWS, st.booleans(), st.none() | TICKETS),
    st.builds(d.DirectQueued, TICKETS, PEERS, NUMBERS),
    st.builds(d.DirectAccepted, TICKETS, PEERS, NUMBERS, NUMBERS),
    st.builds(d.DirectDelayed, TICKETS, PEERS, ERRORS, st.floats(0, 100)),
    st.builds(d.DirectRefused, st.none() | TICKETS, PEERS, ERRORS, TEXTS),
    st.builds(d.DirectHeld, TICKETS, PEERS, ERRORS),
    st.builds(d.KeyIsChanged, PEERS, NUMBERS, st.booleans(), NUMBERS, FINGERPRINTS),
    st.builds(d.KeyIsContradicted, PEERS, ERRORS, st.booleans(), FINGERPRINTS),
    st.builds(d.ContactPinned, PEERS),
    st.builds(d.ContactVerified, PEERS, st.sampled_from(["number", "invite"])),
    st.builds(d.DeviceLeftOut, PEERS, TEXTS),
    st.builds(d.NewDevice, PEERS, st.booleans()),
    st.builds(d.MayBeLost, PEERS, NUMBERS, NUMBERS),
)
PEOPLE = st.lists(st.builds(Listed, PEERS, PEERS, st.booleans()), max_size=3).map(tuple)
ANSWERS = st.one_of(
    st.just(e.Settled()),
    st.builds(e.HistoryFound, NAMES, NUMBERS, NUMBERS, st.tuples(room_events("dev")), st.booleans()),
    st.builds(e.MessagesFound, st.just(()), NUMBERS),
    st.builds(
        e.RoomsFound,
        st.lists(st.builds(RoomSummary, NAMES, TEXTS, NUMBERS, st.booleans()), max_size=3).map(tuple),
        st.booleans(),
        NUMBERS,
    ),
    st.builds(e.PeopleFound, PEOPLE, st.booleans(), NUMBERS),
    DIRECT_ANSWERS,
)
EVENTS: st.SearchStrategy[e.Event] = st.one_of(
    st.builds(e.Heard, NAMES.flatmap(room_events), st.booleans(), st.booleans(), st.none() | TICKETS),
    st.builds(e.RoomEntered, NAMES, TEXTS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.booleans()),
    st.builds(e.RoomLost, NAMES, st.booleans()),
    st.builds(e.PresenceChanged, NAMES, st.tuples(NAMES), st.tuples(NAMES), NUMBERS),
    st.builds(e.CatchUpBegan, NAMES, NUMBERS, NUMBERS),
    st.builds(e.CatchUpEnded, NAMES, NUMBERS),
    st.builds(e.NotKept, NAMES, NUMBERS, NUMBERS),
    st.builds(e.Disconnected, ERRORS, st.none() | st.floats(0, 100)),
    st.builds(e.ServerStopping, TEXTS, st.floats(0, 100)),
    st.builds(e.Told, ERRORS),
    st.builds(e.LineQueued, TICKETS, NAMES, NUMBERS),
    st.builds(e.LineDelayed, TICKETS, NAMES, ERRORS, st.floats(0, 100)),
    st.builds(e.LineAccepted, TICKETS, NAMES, NUMBERS, NUMBERS, st.none() | TEXTS),
    st.builds(e.LineRefused, TICKETS, NAMES, ERRORS, TEXTS, st.booleans()),
    st.builds(e.Answered, TICKETS, ANSWERS),
    st.builds(e.Failed, TICKETS, ERRORS),
    DIRECT_EVENTS,
)
LINES = st.one_of(
    TEXTS,
    st.builds("/{} {}".format, st.sampled_from(registry().names), TEXTS),
    st.builds(
        "/{} {}".format,
        st.sampled_from(registry().names),
        st.sampled_from(["dev", "#lobby", "bob", "bob x", "@bob x", "with:bob x", "reset bob", "5", "all"]),
    ),
    st.builds("@{} {}".format, NAMES, TEXTS),
)


def check(drawn: list[str]) -> None:
    for row in drawn:
        assert not CONTROLS.search(row), row
        assert BEGINNING.match(row), row


@given(st.lists(EVENTS, max_size=8), st.sampled_from([None, 40]))
def test_whatever_a_server_says_is_drawn_safely(events: list[e.Event], width: int | None) -> None:
    alice = Person(width=width)
    alice.arrives("dev", "lobby")
    for event in events:
        check(alice.hears(event))
    check(alice.waits(60))
    assert not CONTROLS.search(alice.prompt)


@example(["/HELP"], [], [], None)
@given(
    st.lists(LINES, max_size=5),
    st.lists(EVENTS, max_size=5),
    st.lists(ANSWERS, max_size=2),
    st.sampled_from([None, 40]),
)
def test_whatever_is_typed_has_an_answer_or_goes_out(
    lines: list[str], events: list[e.Event], answers: list[e.Answer], width: int | None
) -> None:
    alice = Person(width=width)
    alice.arrives("dev", "lobby")
    for typed in lines:
        check(alice.types(typed))
        for answer in answers[: len(alice.client.asked)]:
            check(alice.hears(e.Answered(alice.client.asked[-1].ticket, answer)))
        for event in events:
            check(alice.hears(event))
        alice.console.propose(typed)
    for call in alice.client.take_asked():
        for argument in call:
            assert not isinstance(argument, str) or argument.encode("utf-8") is not None


@given(st.text(max_size=100))
def test_a_message_of_anybody_else_is_never_a_line_of_ones_own(text: str) -> None:
    alice = Person(width=60)
    alice.arrives("dev", "lobby")
    drawn = alice.hears(heard(Message("dev", 1, 0, "dave", b"\0" * 16, text)))
    assert drawn[-1 if not text.strip() else 0]
    assert not [row for row in drawn if re.match(r"\d\d:\d\d #dev alice: ", row)]
