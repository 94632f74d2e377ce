"""The reading side: pages that end where they should, words that mean only themselves, one second at most."""

import contextlib
import itertools
import sqlite3
from pathlib import Path

import pytest

from secure_chat.errors import (
    InviteExpired,
    InviteUnknown,
    InviteUsed,
    NotMember,
    RoomUnknown,
    SearchTooBroad,
    StorageFailed,
)
from secure_chat.limits import MAX_HISTORY_ROWS, MAX_PAGE_ROWS, MAX_REPLY_BYTES, MAX_TEXT_BYTES, READ_SECONDS
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import HistoryPage, Message, PeoplePage, Person, RoomPage, RoomSummary, SearchPage
from secure_chat.protocol.states import Role
from secure_chat.storage.database import DATABASE_NAME
from secure_chat.storage.entries import (
    CreateRoom,
    JoinRoom,
    LeaveRoom,
    RevokeInvite,
    SetAccountState,
    SetTopic,
)
from secure_chat.storage.reader import StoreReader
from secure_chat.storage.records import History, MemberRow, RoomRow
from tests.storage.opened import HOUR_MS, Member, Opened, decoded, post, registration, replacement
from tests.support.people import make_person


def texts(frames: bytes) -> list[str]:
    return [event.text for event in decoded(frames) if isinstance(event, Message)]


# --- history -------------------------------------------------------------------------------------


def test_history_paged_forward_is_the_room_without_gap_or_duplicate(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", "x" * (size * 37 % 5000)) for size in range(700)))
    everything = opened.events("lobby")

    got, first = [], 1
    with opened.reader() as reader:
        while (page := reader.history(alice.account, "lobby", first, 10**9)).frames:
            events = decoded(page.frames)
            assert (page.first, events[0].number, events[-1].number) == (first, first, page.last)
            assert len(events) <= MAX_HISTORY_ROWS
            assert len(encode(HistoryPage(2**32 - 1, "x" * 32, 2**63 - 1, 2**63 - 1, page.frames))) <= MAX_REPLY_BYTES
            got += events
            first = page.last + 1
        assert page == History(first, first - 1, b"")

    assert got == everything


def test_history_is_inclusive_and_cut_to_the_head(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", str(number)) for number in range(10)))

    with opened.reader() as reader:
        for first, last, numbers in [(3, 5, [3, 4, 5]), (0, 1, [1]), (11, 99, [11]), (12, 20, []), (5, 4, [])]:
            page = reader.history(alice.account, "lobby", first, last)
            assert [event.number for event in decoded(page.frames)] == numbers
            assert page.last == (numbers[-1] if numbers else max(first, 1) - 1)


def test_the_largest_messages_still_make_pages_of_one(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(*(post(alice, "lobby", "\N{PILE OF POO}" * (MAX_TEXT_BYTES // 4)) for _ in range(20)))

    with opened.reader() as reader:
        page = reader.history(alice.account, "lobby", 2, 21)

    assert 1 <= len(decoded(page.frames)) < 20


def test_history_is_for_members(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(CreateRoom(alice.account, "dev"), LeaveRoom(bob.account, "lobby"))

    with opened.reader() as reader:
        for room in ("dev", "lobby"):
            with pytest.raises(NotMember):
                reader.history(bob.account, room, 1, 10)
        with pytest.raises(RoomUnknown):
            reader.history(bob.account, "nowhere", 1, 10)


# --- search --------------------------------------------------------------------------------------


def found(opened: Opened, member: Member, words: str, *, room: str = "", sender: str = "", since: int = 0) -> list[str]:
    """All pages of a search."""
    got: list[str] = []
    before = 0
    with opened.reader() as reader:
        while True:
            page = reader.search(member.account, words, room=room, sender=sender, since=since, before=before)
            assert len(encode(SearchPage(2**32 - 1, page.frames, page.next))) <= MAX_REPLY_BYTES
            got += texts(page.frames)
            if not page.next:
                return got
            before = page.next


def test_search_finds_messages_with_all_words_in_own_rooms_newest_first(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(CreateRoom(alice.account, "dev"), CreateRoom(bob.account, "secret"))
    for member, room, text in [
        (alice, "lobby", "the red fox"),
        (bob, "lobby", "a RED balloon, and a fox"),
        (alice, "dev", "fox, red"),
        (bob, "secret", "red fox hidden"),
        (alice, "dev", "only the fox"),
    ]:
        opened.post(member, room, text)
    opened.commit(SetTopic(alice.account, alice.device, "dev", alice.client_id(), "red fox topic"))

    assert found(opened, alice, "red fox") == ["fox, red", "a RED balloon, and a fox", "the red fox"]
    assert found(opened, alice, "red fox", room="lobby") == ["a RED balloon, and a fox", "the red fox"]
    assert found(opened, alice, "red fox", sender="bob") == ["a RED balloon, and a fox"]
    assert found(opened, alice, "fox", sender="nobody") == []
    assert found(opened, bob, "hidden") == ["red fox hidden"]
    with opened.reader() as reader, pytest.raises(NotMember):
        reader.search(alice.account, "fox", room="secret")


def test_who_has_left_finds_nothing_there_any_more(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "hello")
    opened.commit(LeaveRoom(alice.account, "lobby"))

    assert found(opened, alice, "hello") == []


def test_a_search_is_narrowed_by_time(opened: Opened) -> None:
    alice = opened.register("alice")
    for text in ("old word", "new word"):
        opened.post(alice, "lobby", text)
        opened.now += HOUR_MS

    assert found(opened, alice, "word", since=opened.now - HOUR_MS) == ["new word"]


def test_a_search_is_paged_without_gap_or_duplicate(opened: Opened) -> None:
    alice = opened.register("alice")
    words = [f"word number{number} {'x' * (number * 13 % 700)}" for number in range(650)]
    opened.commit(*(post(alice, "lobby", text) for text in words))

    assert found(opened, alice, "word") == words[::-1]


@pytest.mark.parametrize(
    "words",
    [
        '"',
        '"hello',
        "hello AND NOT",
        "hello OR world",
        "NEAR(hello world)",
        "body:hello",
        "hel*",
        "^hello",
        "(hello",
        "a\0b",
        "\ud800",
        "!!! ...",
        "",
        "room_text",
        "-hello",
        "{hello}",
        "'; DROP TABLE accounts; --",
        "+" * 5000,
        "w " * 2000,
    ],
)
def test_words_mean_nothing_but_themselves(opened: Opened, words: str) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "hello world")

    assert found(opened, alice, words) in ([], ["hello world"])
    assert found(opened, alice, "world hello") == ["hello world"]


def test_a_word_is_found_whatever_its_marks_case_and_neighbours(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.post(alice, "lobby", "Crème brûlée (c++), see foo_bar-baz")

    for words in ("creme", "BRÛLÉE", "c++", "foo_bar-baz", "baz see", "crème !!!"):
        assert found(opened, alice, words) == ["Crème brûlée (c++), see foo_bar-baz"]
    assert found(opened, alice, "crem") == []


# --- rooms and people ----------------------------------------------------------------------------


def test_rooms_are_listed_by_name_with_topic_members_and_whether_one_is_in(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob")
    opened.commit(
        CreateRoom(bob.account, "dev"),
        CreateRoom(None, "ops_1"),
        SetTopic(bob.account, bob.device, "dev", bob.client_id(), "code"),
    )

    with opened.reader() as reader:
        assert reader.rooms(alice.account).rooms == (
            RoomRow("dev", "code", 1, False),
            RoomRow("lobby", "", 2, True),
            RoomRow("ops_1", "", 0, False),
        )
        assert [row.room for row in reader.rooms(alice.account, after="dev").rooms] == ["lobby", "ops_1"]
        for pattern, names in [("o", ["lobby", "ops_1"]), ("_", ["ops_1"]), ("%", []), ("x", [])]:
            listed = reader.rooms(alice.account, pattern=pattern)
            assert ([row.room for row in listed.rooms], listed.total) == (names, len(names))


def test_a_page_of_rooms_fits_a_reply_and_says_that_there_are_more(opened: Opened) -> None:
    alice = opened.register("alice")
    names = sorted(f"room-{number}" for number in range(MAX_PAGE_ROWS + 50))
    opened.commit(*(CreateRoom(None, name) for name in names))
    opened.commit(*(JoinRoom(alice.account, name, fill=False) for name in names[:190]))
    topic = "\N{SNOWMAN}" * 170
    opened.commit(*(SetTopic(alice.account, alice.device, name, alice.client_id(), topic) for name in names[:190]))

    got: list[str] = []
    with opened.reader() as reader:
        more = True
        while more:
            page = reader.rooms(alice.account, pattern="room-", after=got[-1] if got else "")
            summaries = [RoomSummary(row.room, row.topic, row.members, row.joined) for row in page.rooms]
            assert len(encode(RoomPage(2**32 - 1, summaries, page.more, page.total))) <= MAX_REPLY_BYTES
            assert page.total == len(names)
            got += [row.room for row in page.rooms]
            more = page.more
    assert got == names


def test_members_are_listed_by_name_without_the_disabled(opened: Opened) -> None:
    members = [opened.register(name) for name in ("carol", "alice", "bob")]
    root = opened.register("root", role=Role.ADMINISTRATOR)
    opened.commit(SetAccountState("bob", "disabled"))

    with opened.reader() as reader:
        listed = reader.members(root.account, "lobby")
        assert listed.members == (
            MemberRow(members[1].account, "alice", Role.MEMBER),
            MemberRow(members[0].account, "carol", Role.MEMBER),
            MemberRow(root.account, "root", Role.ADMINISTRATOR),
        )
        assert (listed.total, listed.more) == (3, False)
        assert [row.name for row in reader.members(root.account, "lobby", after="alice").members] == ["carol", "root"]
        with pytest.raises(RoomUnknown):
            reader.members(root.account, "nowhere")


def test_a_page_of_members_fits_a_reply(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.store.close()
    database = sqlite3.connect(opened.directory / DATABASE_NAME)
    letters = itertools.product("\N{HIRAGANA LETTER A}\N{HIRAGANA LETTER I}\N{HIRAGANA LETTER U}", repeat=32)
    names = ["".join(word) for word in itertools.islice(letters, 700)]
    for number, name in enumerate(names):
        row = (1000 + number, number.to_bytes(16, "big"), name, name, b"", "member", "enabled", 0, 0, 0)
        database.execute("INSERT INTO accounts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.execute("INSERT INTO memberships VALUES (?, 1, 1)", (1000 + number,))
    database.commit()
    database.close()
    opened.open()

    got: list[str] = []
    with opened.reader() as reader:
        more = True
        while more:
            page = reader.members(alice.account, "lobby", after=got[-1] if got else "")
            people = [Person(row.name, row.role.value, online=True) for row in page.members]
            assert len(encode(PeoplePage(2**32 - 1, people, page.more, page.total))) <= MAX_REPLY_BYTES
            got += [row.name for row in page.members]
            more = page.more
    assert got == sorted(["alice", *names])


# --- login, invites, operators -------------------------------------------------------------------


def test_credentials_are_those_of_now(opened: Opened) -> None:
    alice = opened.register("alice")
    new = replacement(alice, opened.now)
    opened.commit(new.recovery(alice))

    with opened.reader() as reader:
        found_now = reader.credentials("alice")
        assert reader.credentials("nobody") is None
    assert found_now is not None
    assert found_now.password_hash == b"new hash"
    assert (found_now.device_list_hash, found_now.device_list_version) == (new.device_list.digest, 2)
    assert found_now.registered_list_hash == alice.device_list.digest
    assert "new hash" not in repr(found_now)
    opened.commit(SetAccountState("alice", "disabled"))
    with opened.reader() as reader:
        disabled = reader.credentials("alice")
    assert disabled is not None
    assert disabled.state == "disabled"


def test_an_invite_says_what_it_is_for_as_long_as_it_can_be_used(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.commit(CreateRoom(None, "dev"))
    join, used, revoked = opened.invite(name="bob", rooms=("dev",)), opened.invite(), opened.invite()
    reset = opened.reset_link("alice")
    opened.commit(registration(make_person("carol"), used), RevokeInvite(4))

    with opened.reader() as reader:
        invite = reader.invite(join, opened.now)
        assert (invite.purpose, invite.name, invite.rooms, invite.device_list) == ("join", "bob", ("dev",), b"")
        link = reader.invite(reset, opened.now)
        assert (link.purpose, link.name, link.user_id) == ("reset", "alice", alice.person.user_id)
        assert link.device_list == alice.device_list.signed.encode()
        for token_hash, kind in [(used, InviteUsed), (revoked, InviteUnknown), (b"?" * 32, InviteUnknown)]:
            with pytest.raises(kind):
                reader.invite(token_hash, opened.now)
        with pytest.raises(InviteExpired):
            reader.invite(join, opened.now + 72 * HOUR_MS)
    opened.commit(SetAccountState("alice", "deleted"))
    with opened.reader() as reader, pytest.raises(InviteUnknown):
        reader.invite(reset, opened.now)


def test_operators_see_users_sessions_and_invites(opened: Opened) -> None:
    alice, bob = opened.register("alice"), opened.register("bob", role=Role.ADMINISTRATOR)
    opened.invite(name="carol")
    opened.commit(SetAccountState("bob", "disabled"))

    with opened.reader() as reader:
        users = reader.users()
        assert [(row.name, row.role, row.state) for row in users.users] == [
            ("alice", Role.MEMBER, "enabled"),
            ("bob", Role.ADMINISTRATOR, "disabled"),
        ]
        assert (users.total, users.more, [row.name for row in reader.users("alice").users]) == (2, False, ["bob"])
        details = reader.user("alice")
        assert details is not None
        assert (details.identity_key, details.rooms) == (alice.person.identity.public_key.raw, ("lobby",))
        [device] = details.devices
        assert (device.device_id, device.may_resume, device.last_used) == (alice.device, True, opened.now)
        assert reader.user("nobody") is None
        [session] = reader.sessions().sessions
        assert (session.account, session.name, session.device_id) == (alice.account, "alice", alice.device)
        assert reader.sessions("alice").sessions == ()
        invites = reader.invites().invites
        assert [(row.number, row.name, row.used_by) for row in invites] == [
            (3, "carol", ""),
            (2, "", "bob"),
            (1, "", "alice"),
        ]
        assert [row.number for row in reader.invites(before=2).invites] == [1]
    assert bob.name == "bob"


# --- the connection ------------------------------------------------------------------------------


def test_a_look_that_takes_longer_than_a_second_is_given_up(opened: Opened) -> None:
    alice = opened.register("alice")
    opened.register("bob")
    opened.commit(*(post(alice, "lobby", f"word {number}") for number in range(1000)))
    times = [0.0]
    reader = StoreReader(opened.directory, monotonic=lambda: times.pop(0) if len(times) > 1 else times[0])
    try:
        times[:] = [0.0, READ_SECONDS + 0.1]
        with pytest.raises(SearchTooBroad):  # not `Busy`, which a client repeats by itself without end
            reader.search(alice.account, "word", sender="bob")  # looks at every word, finds nothing
        times[:] = [0.0]
        assert reader.history(alice.account, "lobby", 1, 3).last == 3
    finally:
        reader.close()


def test_the_reading_side_cannot_write(opened: Opened) -> None:
    with opened.reader() as reader, pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection._connection.execute("DELETE FROM accounts")


def test_a_directory_without_a_database_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        StoreReader(tmp_path)


def test_a_file_that_is_no_database_is_a_typed_error(tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).write_bytes(b"\xa5" * 8192)
    with pytest.raises(StorageFailed), contextlib.closing(StoreReader(tmp_path)) as reader:
        reader.users()


def test_a_disk_that_fails_while_reading_is_a_typed_error(opened: Opened) -> None:
    with opened.reader() as reader:
        reader._connection._connection.set_authorizer(lambda *_: sqlite3.SQLITE_DENY)
        with pytest.raises(StorageFailed):
            reader.users()


def test_a_page_sees_one_state_whatever_is_written_meanwhile(opened: Opened) -> None:
    alice = opened.register("alice")
    with opened.reader() as reader, reader._connection.snapshot():
        before = reader._room_of_member(alice.account, "lobby")
        opened.post(alice, "lobby", "meanwhile")
        assert reader._room_of_member(alice.account, "lobby") == before
    with opened.reader() as reader:
        assert reader.history(alice.account, "lobby", 1, 9).last == 2
