"""The reader thread: pages for who may see them, turns between accounts, and faults that harm nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest

from secure_chat.errors import Busy, InternalError, NotMember, RoomUnknown
from secure_chat.limits import MAX_WAITING_READS, MAX_WAITING_READS_OF_ONE
from secure_chat.protocol.codec import decode_said
from secure_chat.protocol.events import HistoryPage, Message, PeoplePage, RoomPage, SearchPage
from secure_chat.protocol.frames import split_frames
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Answer, Origin, ReadRequest, SupervisorItem
from secure_chat.server.read_requests import AnyReadRequest, ListMembers, ListRooms, ReadHistory, SearchRooms
from secure_chat.server.reader import ReaderThread
from secure_chat.storage.entries import CreateRoom
from secure_chat.storage.reader import StoreReader
from tests.storage.opened import Member, Opened

PATIENCE_SECONDS = 60


class Reading:
    """A store with two members, and a reader thread over it."""

    __test__ = False

    def __init__(self, directory: Path) -> None:
        self.opened = Opened(directory)
        self.online: Inbox[frozenset[int]] = Inbox()
        self.answers: SimpleQueue[Answer] = SimpleQueue()
        supervisor: Inbox[SupervisorItem] = Inbox()
        self.thread = ReaderThread(lambda: StoreReader(directory), self.online, self, supervisor)
        self.alice, self.bob = self.opened.register("alice"), self.opened.register("bob")
        self.opened.commit(CreateRoom(self.alice.account, "dev"))
        for number in range(1, 6):
            self.opened.post(self.alice, "dev", f"message {number}")

    def answer(self, io_thread: int, answer: Answer) -> None:
        assert io_thread == 4
        self.answers.put(answer)

    def ask(self, request: ReadRequest) -> object:
        """The result, decoded when it is a frame."""
        self.thread.submit(Origin(4, 9), request)
        answer = self.answers.get(timeout=PATIENCE_SECONDS)
        assert (answer.serial, answer.id) == (9, request.id)
        return decode_said(split_frames(answer.result)[0]) if isinstance(answer.result, bytes) else answer.result


@contextmanager
def reading(directory: Path, *, started: bool = True) -> Iterator[Reading]:
    made = Reading(directory)
    if started:
        made.thread.start()
    try:
        yield made
    finally:
        made.thread.stop()
        assert not started or made.thread.join(PATIENCE_SECONDS)
        made.opened.store.close()


def test_history_is_a_page_of_whole_frames_ascending(tmp_path: Path) -> None:
    with reading(tmp_path) as asked:
        page = asked.ask(ReadHistory(7, asked.alice.account, "dev", 2, 4))
    assert isinstance(page, HistoryPage)
    assert (page.id, page.room, page.first, page.last) == (7, "dev", 2, 4)
    events = [decode_said(body) for body in split_frames(page.events)]
    assert [(event.number, event.text) for event in events if isinstance(event, Message)] == [
        (2, "message 1"),
        (3, "message 2"),
        (4, "message 3"),
    ]


def test_who_is_no_member_sees_nothing(tmp_path: Path) -> None:
    with reading(tmp_path) as asked:
        requests: list[AnyReadRequest] = [
            ReadHistory(1, asked.bob.account, "dev", 1, 9),
            ListMembers(2, asked.bob.account, "dev", ""),
            SearchRooms(3, asked.bob.account, "message", "dev", "", 0, 0),
        ]
        for request in requests:
            assert isinstance(asked.ask(request), NotMember)
        assert isinstance(asked.ask(ReadHistory(1, asked.bob.account, "none", 1, 9)), RoomUnknown)
        found = asked.ask(SearchRooms(4, asked.bob.account, "message", "", "", 0, 0))
    assert found == SearchPage(4, b"", 0)


def test_a_search_finds_the_newest_first(tmp_path: Path) -> None:
    with reading(tmp_path) as asked:
        found = asked.ask(SearchRooms(4, asked.alice.account, "message", "", "alice", 0, 0))
    assert isinstance(found, SearchPage)
    numbers = [event.number for event in map(decode_said, split_frames(found.events)) if isinstance(event, Message)]
    assert numbers == [6, 5, 4, 3, 2]


def test_rooms_say_who_has_joined_them(tmp_path: Path) -> None:
    with reading(tmp_path) as asked:
        page = asked.ask(ListRooms(5, asked.bob.account, "", ""))
    assert isinstance(page, RoomPage)
    assert [(row.room, row.members, row.joined) for row in page.rooms] == [("dev", 1, False), ("lobby", 2, True)]
    assert (page.total, page.more) == (2, False)


def test_members_are_shown_online_as_presence_last_said(tmp_path: Path) -> None:
    def online(page: object) -> dict[str, bool]:
        assert isinstance(page, PeoplePage)
        return {person.name: person.online for person in page.people}

    with reading(tmp_path) as asked:
        request = ListMembers(6, asked.bob.account, "lobby", "")
        assert online(asked.ask(request)) == {"alice": False, "bob": False}
        asked.online.put(frozenset({asked.alice.account}))
        asked.online.put(frozenset({asked.bob.account}))
        assert online(asked.ask(request)) == {"alice": False, "bob": True}


def test_one_account_cannot_fill_the_queue_and_nobody_can_overfill_it(tmp_path: Path) -> None:
    with reading(tmp_path, started=False) as asked:
        for account in range(MAX_WAITING_READS // MAX_WAITING_READS_OF_ONE):
            for number in range(MAX_WAITING_READS_OF_ONE):
                asked.thread.submit(Origin(4, account), ListRooms(number + 1, account, "", ""))
            with pytest.raises(Busy):
                asked.thread.submit(Origin(4, account), ListRooms(99, account, "", ""))
        with pytest.raises(Busy) as caught:
            asked.thread.submit(Origin(4, 1), ListRooms(1, 10**6, "", ""))
        assert caught.value.retry_after


def test_an_answer_says_whose_it_is_and_how_long_it_took(tmp_path: Path) -> None:
    with reading(tmp_path) as asked:
        asked.thread.submit(Origin(4, 9), SearchRooms(4, asked.alice.account, "message", "", "", 0, 0))
        answer = asked.answers.get(timeout=PATIENCE_SECONDS)
    assert answer.account == asked.alice.account
    assert 0 < answer.seconds < PATIENCE_SECONDS


def test_a_fault_in_one_request_harms_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(StoreReader, "search", broken)
    with reading(tmp_path) as asked:
        member: Member = asked.alice
        assert isinstance(asked.ask(SearchRooms(1, member.account, "message", "", "", 0, 0)), InternalError)
        assert isinstance(asked.ask(ListRooms(2, member.account, "", "")), RoomPage)


def test_what_is_no_request_of_the_reader_is_a_fault_of_ours(tmp_path: Path) -> None:
    with reading(tmp_path, started=False) as asked, pytest.raises(TypeError):
        asked.thread.submit(Origin(4, 1), ReadRequest(1))
