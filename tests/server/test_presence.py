"""Who is online, and what rooms are told of it."""

from dataclasses import dataclass, field

from hypothesis import example, given
from hypothesis import strategies as st

from secure_chat.errors import TokenUnknown
from secure_chat.limits import (
    MAX_PAGE_ROWS,
    MAX_REPLY_BYTES,
    PRESENCE_COUNT_ONLY_MEMBERS,
    PRESENCE_GRACE_SECONDS,
    PRESENCE_INTERVAL_SECONDS,
)
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import PeoplePage, Presence
from secure_chat.protocol.frames import split_frames
from secure_chat.protocol.states import Role
from secure_chat.server.presence import PresenceTable
from secure_chat.server.presence_requests import ListOnline
from secure_chat.server.presence_service import PresenceService
from secure_chat.server.session import Session
from secure_chat.storage.outcomes import MembershipBegan, MembershipEnded, SessionsEnded

MEMBER = Role.MEMBER


def table(*rooms: str, members: int = 3, grace: float = PRESENCE_GRACE_SECONDS) -> PresenceTable:
    return PresenceTable([(room, members) for room in rooms], grace)


def test_the_first_change_is_told_at_once_and_the_next_after_a_second() -> None:
    presence = table("dev")
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    assert presence.take_due(0.0) == [Presence("dev", ["alice"], [], 1)]
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    assert presence.next_time() == PRESENCE_INTERVAL_SECONDS
    assert presence.take_due(0.9) == []
    presence.connected(3, 30, "carol", MEMBER, ["dev"])
    assert presence.take_due(1.0) == [Presence("dev", ["bob", "carol"], [], 3)]
    assert presence.next_time() is None


def test_a_reconnect_within_the_grace_is_no_departure() -> None:
    presence = table("dev")
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    presence.take_due(0.0)
    presence.disconnected(2, 20, 100.0)
    assert presence.take_due(100.0 + PRESENCE_GRACE_SECONDS - 0.1) == []
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    assert presence.take_due(200.0) == []


def test_after_the_grace_the_others_are_told() -> None:
    presence = table("dev")
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    presence.take_due(0.0)
    presence.disconnected(2, 20, 100.0)
    assert presence.next_time() == 100.0 + PRESENCE_GRACE_SECONDS
    assert presence.take_due(100.0 + PRESENCE_GRACE_SECONDS) == [Presence("dev", [], ["bob"], 1)]


def test_an_old_grace_does_not_end_a_newer_connection() -> None:
    presence = table("dev")
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    presence.take_due(0.0)
    presence.disconnected(2, 20, 1.0)
    presence.connected(2, 20, "bob", MEMBER, ["dev"])
    presence.disconnected(2, 20, 20.0)
    assert presence.take_due(1.0 + PRESENCE_GRACE_SECONDS) == []
    assert presence.take_due(20.0 + PRESENCE_GRACE_SECONDS) == [Presence("dev", [], ["bob"], 1)]


def test_whose_session_was_ended_is_gone_at_once_but_for_other_devices() -> None:
    presence = table("dev")
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    for device in (20, 21):
        presence.connected(2, device, "bob", MEMBER, ["dev"])
    presence.take_due(0.0)
    presence.sessions_ended(2, 20, None)
    assert presence.take_due(10.0) == []
    presence.sessions_ended(2, None, 21)
    assert presence.take_due(11.0) == []
    presence.sessions_ended(2, None, None)
    assert presence.take_due(12.0) == [Presence("dev", [], ["bob"], 1)]


def test_who_comes_and_goes_within_one_delta_is_told_as_he_is_now() -> None:
    presence = table("dev", grace=0.0)
    presence.connected(1, 10, "alice", MEMBER, ["dev"])
    presence.take_due(0.0)
    presence.connected(2, 20, "bob", MEMBER, ["dev"])  # whoever asks for the list now is shown bob
    presence.disconnected(2, 20, 0.5)
    assert presence.take_due(1.0) == [Presence("dev", [], ["bob"], 1)]


def test_large_rooms_are_told_the_number_alone_from_200_members_on() -> None:
    for members, names in ((PRESENCE_COUNT_ONLY_MEMBERS - 1, ["alice"]), (PRESENCE_COUNT_ONLY_MEMBERS, [])):
        presence = table("big", members=members)
        presence.connected(1, 10, "alice", MEMBER, ["big"])
        assert presence.take_due(0.0) == [Presence("big", names, [], 1)]


def test_a_large_room_is_not_told_a_number_that_is_the_same() -> None:
    presence = table("big", members=PRESENCE_COUNT_ONLY_MEMBERS, grace=0.0)
    presence.connected(1, 10, "alice", MEMBER, ["big"])
    presence.take_due(0.0)
    presence.connected(2, 20, "bob", MEMBER, ["big"])
    presence.disconnected(2, 20, 0.5)
    assert presence.take_due(1.0) == []


def test_a_room_that_grows_and_shrinks_past_200_changes_its_manner() -> None:
    presence = table("big", members=PRESENCE_COUNT_ONLY_MEMBERS - 1)
    presence.membership_began("big", 7)
    presence.connected(1, 10, "alice", MEMBER, ["big"])
    assert presence.take_due(0.0) == [Presence("big", [], [], 1)]
    presence.membership_ended("big", 7)
    presence.connected(2, 20, "bob", MEMBER, ["big"])
    assert presence.take_due(1.0) == [Presence("big", ["bob"], [], 2)]


def test_the_list_of_people_is_in_order_and_paged() -> None:
    presence = table()
    for number, name in enumerate(["dora", "alice", "carol", "bob"]):
        presence.connected(number, 1, name, Role.ADMINISTRATOR if name == "carol" else MEMBER, [])
    assert [(person.name, person.role, person.online) for person in presence.people_after("", 3)] == [
        ("alice", "member", True),
        ("bob", "member", True),
        ("carol", "administrator", True),
    ]
    assert [person.name for person in presence.people_after("carol", 3)] == ["dora"]


# --- whatever happens ----------------------------------------------------------------------------------

ROOMS = ("dev", "lobby")
NAMES = {1: "alice", 2: "bob", 3: "carol"}
steps = st.lists(
    st.one_of(
        st.tuples(st.just("connect"), st.sampled_from(list(NAMES)), st.integers(1, 2)),
        st.tuples(st.just("disconnect"), st.sampled_from(list(NAMES)), st.integers(1, 2)),
        st.tuples(st.just("end"), st.sampled_from(list(NAMES)), st.integers(0, 2)),
        st.tuples(st.just("join"), st.sampled_from(list(NAMES)), st.integers(0, 1)),
        st.tuples(st.just("leave"), st.sampled_from(list(NAMES)), st.integers(0, 1)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 200, 300, 310]), st.just(0)),
    ),
    min_size=5,
    max_size=60,
)


@dataclass
class Model:
    """The rules, written without any cleverness; and a listener who believes what the room is told."""

    connections: dict[int, set[int]] = field(default_factory=lambda: {account: set() for account in NAMES})
    gone: dict[int, float] = field(default_factory=dict)
    rooms: dict[int, set[str]] = field(default_factory=lambda: {account: {"dev"} for account in NAMES})
    believed: dict[str, set[str]] = field(default_factory=lambda: {room: set() for room in ROOMS})
    has_listener: dict[str, bool] = field(default_factory=lambda: dict.fromkeys(ROOMS, False))
    told_at: dict[str, float] = field(default_factory=dict)
    told_count: dict[str, int] = field(default_factory=dict)

    def online(self, account: int, now: float) -> bool:
        if self.connections[account]:
            return True
        return account in self.gone and now < self.gone[account] + PRESENCE_GRACE_SECONDS

    def in_room(self, room: str, now: float) -> set[str]:
        return {name for account, name in NAMES.items() if room in self.rooms[account] and self.online(account, now)}


def apply(step: tuple[str, int, int], presence: PresenceTable, model: Model, now: float) -> None:
    kind, account, extra = step
    if kind == "connect":
        model.connections[account].add(extra)
        presence.connected(account, extra, NAMES[account], MEMBER, sorted(model.rooms[account]))
    elif kind == "disconnect" and extra in model.connections[account]:
        model.connections[account].discard(extra)
        model.gone[account] = now
        presence.disconnected(account, extra, now)
    elif kind == "end":
        ended = model.connections[account] if extra == 0 else {extra}
        model.connections[account] = model.connections[account] - ended
        if not model.connections[account]:
            model.gone.pop(account, None)
        presence.sessions_ended(account, extra or None, None)
    elif kind == "join" and ROOMS[extra] not in model.rooms[account]:
        model.rooms[account].add(ROOMS[extra])
        presence.membership_began(ROOMS[extra], account)
    elif kind == "leave" and ROOMS[extra] in model.rooms[account]:
        model.rooms[account].discard(ROOMS[extra])
        model.believed[ROOMS[extra]].discard(NAMES[account])
        presence.membership_ended(ROOMS[extra], account)


def listen(presence: PresenceTable, model: Model, now: float) -> None:
    for delta in presence.take_due(now):
        assert delta.online or delta.offline or delta.count != model.told_count.get(delta.room, 0)
        assert now - model.told_at.get(delta.room, -10.0) >= PRESENCE_INTERVAL_SECONDS
        model.told_at[delta.room] = now
        model.told_count[delta.room] = delta.count
        assert delta.count == len(model.in_room(delta.room, now))
        assert set(delta.online) <= model.in_room(delta.room, now)
        assert not set(delta.offline) & model.in_room(delta.room, now)
        model.believed[delta.room] |= set(delta.online)
        model.believed[delta.room] -= set(delta.offline)
    for room in ROOMS:
        present = model.in_room(room, now)
        if not present or not model.has_listener[room]:
            model.believed[room] = present  # nobody was left who believed anything: who comes next asks for the list
        model.has_listener[room] = bool(present)
        if now - model.told_at.get(room, -10.0) > PRESENCE_INTERVAL_SECONDS:
            assert model.believed[room] == present  # nothing holds back what was not told
    following = presence.next_time()
    assert following is None or following > now


EMPTIED = [("connect", 1, 1), ("wait", 10, 0), ("leave", 3, 0), ("connect", 3, 1), ("end", 1, 0), ("join", 3, 0)]
BACK_AT_ONCE = [("connect", 1, 1), ("end", 1, 0), ("connect", 1, 1)]
LIST_IN_BETWEEN = [("connect", 3, 1), ("end", 3, 0), ("connect", 1, 1), ("connect", 3, 1), ("wait", 10, 0)]


@given(steps)
@example(EMPTIED)
@example(BACK_AT_ONCE)
@example(LIST_IN_BETWEEN)
def test_who_believes_the_deltas_knows_who_is_online(happened: list[tuple[str, int, int]]) -> None:
    presence, model, now = PresenceTable([("dev", len(NAMES))]), Model(), 0.0
    for step in happened:
        if step[0] == "wait":
            now += step[1] / 10
        else:
            apply(step, presence, model, now)
        listen(presence, model, now)
        expected = sorted(name for account, name in NAMES.items() if model.online(account, now))
        assert [person.name for person in presence.people_after("", 10)] == expected
        assert len(presence) == len(expected)
    while (following := presence.next_time()) is not None:
        now = following
        listen(presence, model, now)
    for room in ROOMS:
        present = model.in_room(room, now)
        assert not present or model.believed[room] == present


# --- on the journal's thread ---------------------------------------------------------------------------


def service(published: list[frozenset[int]]) -> PresenceService:
    return PresenceService(PresenceTable([("dev", 2)]), published.append)


def session(account: int, device: int, name: str) -> Session:
    return Session(account, device, bytes([account] * 16), name, MEMBER)


def test_the_service_makes_frames_and_publishes_once_a_second() -> None:
    published: list[frozenset[int]] = []
    presence = service(published)
    presence.logged_in(session(1, 10, "alice"), ["dev"], 0.0)
    (notice,) = presence.due(0.0)
    assert notice.room == "dev"
    assert decode_said(split_frames(notice.frame)[0]) == Presence("dev", ["alice"], [], 1)
    presence.logged_in(session(2, 20, "bob"), ["dev"], 0.3)
    presence.due(0.3)
    assert published == [frozenset({1})]
    assert presence.next_due() == 1.0
    presence.due(1.0)
    assert published == [frozenset({1}), frozenset({1, 2})]
    assert presence.next_due() is None


def test_the_service_follows_memberships_and_ended_sessions() -> None:
    published: list[frozenset[int]] = []
    presence = service(published)
    presence.logged_in(session(1, 10, "alice"), [], 0.0)
    presence.due(0.0)
    presence.changed([MembershipBegan("dev", 1, 5)], 5.0)
    assert [notice.room for notice in presence.due(5.0)] == ["dev"]
    presence.logged_in(session(2, 20, "bob"), ["dev"], 10.0)
    presence.due(10.0)
    presence.changed([MembershipEnded("dev", 1, 6), SessionsEnded(2, TokenUnknown())], 20.0)
    assert presence.due(20.0) == []  # nobody is left to be told
    assert published[-1] == frozenset({1})
    presence.disconnected(2, 20, 20.5)  # what the closed connection says afterwards changes nothing
    presence.due(30.0)
    assert published[-1] == frozenset({1})


def test_the_service_answers_who_is_online() -> None:
    presence = service([])
    presence.logged_in(session(1, 10, "alice"), [], 0.0)
    reply = decode_said(split_frames(presence.answer(ListOnline(9, "")))[0])
    assert isinstance(reply, PeoplePage)
    assert (reply.id, [person.name for person in reply.people], reply.total) == (9, ["alice"], 1)


def test_a_page_of_long_names_ends_at_64_kib_and_the_next_goes_on() -> None:
    presence = service([])
    names = [f"{number:04}" + "𝒶" * 28 for number in range(700)]
    for number, name in enumerate(names, 1):
        presence.logged_in(Session(number, 1, bytes(16), name, MEMBER), [], 0.0)
    shown: list[str] = []
    more = True
    while more:
        frame = presence.answer(ListOnline(9, shown[-1] if shown else ""))
        assert len(frame) <= MAX_REPLY_BYTES
        reply = decode_said(split_frames(frame)[0])
        assert isinstance(reply, PeoplePage)
        assert len(reply.people) <= MAX_PAGE_ROWS
        shown += [person.name for person in reply.people]
        more = reply.more
    assert shown == names
