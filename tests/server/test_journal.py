"""The journal: disk before anybody hears, one bad disk, one live connection for each device, presence, the end."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import pytest

from secure_chat.errors import ChatError, RoomUnknown, StorageFailed, StorageFull
from secure_chat.limits import STORAGE_RETRY_SECONDS
from secure_chat.protocol.codec import decode_said, encode
from secure_chat.protocol.events import Accepted, Done, Failure
from secure_chat.protocol.frames import split_frames
from secure_chat.protocol.states import Role
from secure_chat.server import journal as journal_module
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import (
    Administration,
    AdministrationOutcome,
    Announcement,
    Disconnected,
    Finished,
    Notice,
    PresenceRequest,
    Sessions,
    StorageLost,
    Submission,
    SupervisorItem,
)
from secure_chat.server.journal import Journal
from secure_chat.server.journal_inbox import JournalInbox
from secure_chat.server.services import IoItem
from secure_chat.server.session import Session
from secure_chat.server.watchdog import Heartbeat
from secure_chat.storage.entries import AnyEntry, LeaveRoom, LogIn, OpenRoom, PostMessage, TouchSession
from secure_chat.storage.outcomes import Blob, Change, Committed, LoggedIn, Numbered, Opened, Refused, Settled

PATIENCE_SECONDS = 60.0


class ScriptedStore:
    """Accepts everything; `trouble` is raised by the next commits and probes."""

    def __init__(self) -> None:
        self.batches: list[list[AnyEntry]] = []
        self.trouble: ChatError | None = None
        self.probes = 0
        self.closed = False
        self.during_commit: Callable[[], object] = lambda: None
        self.maintained: list[bool] = []
        self.maintenance_left = 0

    def commit(self, batch: Sequence[AnyEntry], now_ms: int) -> Committed:
        assert now_ms > 0
        self.during_commit()
        if self.trouble is not None:
            raise self.trouble
        self.batches.append(list(batch))
        committed = Committed([], [], {})
        for entry in batch:
            match entry:
                case PostMessage(room=room):
                    blobs = committed.appended.setdefault(room, [])
                    blobs.append(Blob(len(blobs) + 1, len(blobs) + 1, b"frame"))
                    committed.outcomes.append(Numbered(room, len(blobs), now_ms))
                case OpenRoom(account=account, room=room):
                    committed.outcomes.append(Opened(account, room, "", 0, 1, 0, 1, ()))
                case LogIn(account=account, device=device):
                    committed.outcomes.append(
                        LoggedIn(account, device, bytes(16), "alice", Role.MEMBER, 0, 1, (), True)
                    )
                case LeaveRoom(room="nowhere"):
                    committed.outcomes.append(Refused(RoomUnknown()))
                case _:
                    committed.outcomes.append(Settled("done"))
        return committed

    def probe(self) -> None:
        self.probes += 1
        if self.trouble is not None:
            raise self.trouble

    def maintain(self, now_ms: int, *, idle: bool) -> bool:
        assert now_ms > 0
        self.maintained.append(idle)
        self.maintenance_left -= 1
        return self.maintenance_left > 0

    def close(self) -> None:
        self.closed = True


@dataclass
class RecordedPresence:
    calls: list[tuple[object, ...]] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    due_at: float | None = None

    def logged_in(self, session: Session, rooms: Iterable[str], now: float) -> None:
        self.calls.append(("in", session.account, session.device, list(rooms), now > 0))

    def disconnected(self, account: int, device: int, now: float) -> None:
        self.calls.append(("out", account, device, now > 0))

    def changed(self, changes: Sequence[Change], now: float) -> None:
        self.calls += [("changed", change, now > 0) for change in changes]

    def answer(self, request: PresenceRequest) -> bytes:
        if request.id == 404:
            raise RoomUnknown
        return encode(Done(request.id))

    def due(self, now: float) -> Sequence[Notice]:
        if self.due_at is None or now < self.due_at:
            return []
        self.due_at = None
        return self.notices

    def next_due(self) -> float | None:
        return self.due_at


class World:
    """A journal on its thread, with as many I/O inboxes as wanted."""

    def __init__(self, io_threads: int = 1) -> None:
        self.store, self.presence = ScriptedStore(), RecordedPresence()
        self.inbox = JournalInbox(io_threads)
        self.io: list[Inbox[IoItem]] = [Inbox() for _ in range(io_threads)]
        self.supervisor: Inbox[SupervisorItem] = Inbox()
        self.operator: Inbox[Sessions | AdministrationOutcome] = Inbox()
        self.journal = Journal(self.inbox, self.store, self.presence, self.io, self.supervisor, Heartbeat())
        self.thread = threading.Thread(target=self.journal.run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.inbox.stop()
        self.thread.join()
        assert self.store.closed
        for inbox in self.io:
            inbox.close()
        self.supervisor.close()
        self.operator.close()

    def put(self, *entries: AnyEntry | PresenceRequest, thread: int = 0, first: int = 1) -> None:
        submissions = [Submission(number, number, entry, 10) for number, entry in enumerate(entries, first)]
        self.inbox.put(thread, submissions, [])

    def announcements(self, wanted: Callable[[list[Announcement]], bool], thread: int = 0) -> list[Announcement]:
        """Everything announced to a thread until it is what is wanted."""
        found: list[Announcement] = []
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while not wanted(found):
            assert time.monotonic() < deadline, f"waited in vain; announced: {found}"
            found += [item for item in self.io[thread].take() if isinstance(item, Announcement)]
            pause.wait(0.001)
        return found

    def replies(self, count: int, thread: int = 0) -> list[object]:
        """So many replies, decoded; a login's has no frame."""
        found = self.announcements(lambda some: sum(len(one.replies) for one in some) >= count, thread)
        return [
            decode_said(reply.frames[4:]) if reply.frames else reply.outcome for one in found for reply in one.replies
        ]

    def supervised(self, wanted: SupervisorItem) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while wanted not in self.supervisor.take():
            assert time.monotonic() < deadline
            pause.wait(0.001)


def post(room: str = "team", client_id: bytes = bytes(16)) -> PostMessage:
    return PostMessage(1, 1, room, client_id, "hello")


def test_nobody_hears_anything_before_the_disk_has_it() -> None:
    with World() as world:
        heard: list[bool] = []
        world.store.during_commit = lambda: heard.append(bool(world.io[0].waits))
        world.put(post())
        world.replies(1)
        assert heard == [False]


def test_one_commit_takes_all_that_has_arrived_and_is_announced_once_in_order() -> None:
    with World() as world:
        gate = threading.Event()
        world.store.during_commit = lambda: gate.wait(PATIENCE_SECONDS)
        world.put(post())
        for number in range(10):
            world.put(post(), first=10 + number)
        gate.set()
        found = world.announcements(lambda some: sum(len(one.replies) for one in some) >= 11)
        assert [len(one.replies) for one in found] in ([1, 10], [11])
        assert [reply.serial for one in found for reply in one.replies] == [1, *range(10, 20)]
        assert [reply.size for one in found for reply in one.replies] == [10] * 11


def test_what_a_row_of_requests_of_one_connection_gets_goes_back_as_one_reply_and_all_credit_with_it() -> None:
    """Until something must be acted on; and one that comes again later begins a row of its own."""
    with World() as world:
        gate = threading.Event()
        world.store.during_commit = lambda: gate.wait(PATIENCE_SECONDS)
        world.put(post())  # holds the others up, so that they are one batch
        asked: list[tuple[int, AnyEntry | PresenceRequest]] = [
            (7, post()),
            (7, PresenceRequest(11)),
            (7, post()),
            (8, post()),
            (7, LeaveRoom(1, "nowhere")),
            (7, post()),
            (7, PresenceRequest(404)),
        ]
        world.inbox.put(0, [Submission(serial, at, entry, 10 + at) for at, (serial, entry) in enumerate(asked)], [])
        gate.set()
        found = world.announcements(lambda some: sum(reply.count for one in some for reply in one.replies) >= 8)
    replies = [reply for one in found for reply in one.replies][1:]
    assert [(reply.serial, reply.count, reply.size) for reply in replies] == [
        (7, 3, 10 + 11 + 12),
        (8, 1, 13),
        (7, 1, 14),
        (7, 2, 15 + 16),
    ]
    assert [type(reply.outcome) for reply in replies] == [type(None), type(None), Refused, type(None)]
    kinds = [[type(decode_said(body)) for body in split_frames(reply.frames)] for reply in replies]
    assert kinds == [[Accepted, Done, Accepted], [Accepted], [Failure], [Accepted, Failure]]


def test_every_thread_is_told_what_was_appended_and_only_its_own_replies() -> None:
    with World(2) as world:
        world.put(post(), thread=1)
        assert len(world.replies(1, thread=1)) == 1
        found = world.announcements(bool, thread=0)
        assert found[0].replies == []
        assert list(found[0].appended) == ["team"]


def test_outcomes_that_the_io_thread_must_act_on_come_with_the_reply() -> None:
    with World() as world:
        world.put(post(), OpenRoom(1, "team", None), LeaveRoom(1, "nowhere"), LogIn(1, 2, 0, b"", b"", b""))
        found = world.announcements(lambda some: sum(len(one.replies) for one in some) >= 4)
        kinds = [type(reply.outcome) for one in found for reply in one.replies]
        assert kinds == [type(None), Opened, Refused, LoggedIn]


def test_a_newer_connection_of_a_device_replaces_the_older_wherever_it_is() -> None:
    with World(2) as world:
        world.put(LogIn(1, 7, 0, b"", b"", b""), thread=0, first=5)
        world.replies(1, thread=0)
        world.put(LogIn(1, 8, 0, b"", b"", b""), thread=1, first=6)
        world.put(LogIn(1, 7, 0, b"", b"", b""), thread=1, first=9)
        found = world.announcements(lambda some: any(one.replaced for one in some), thread=0)
        assert [one.replaced for one in found if one.replaced] == [[5]]
        assert not any(one.replaced for one in world.announcements(lambda some: len(some) > 0, thread=1))


def test_the_end_of_a_replaced_connection_is_no_departure() -> None:
    with World() as world:
        world.put(LogIn(1, 7, 0, b"", b"", b""), first=5)
        world.put(LogIn(1, 7, 0, b"", b"", b""), first=6)
        world.replies(2)
        world.inbox.put(0, [], [Disconnected(5, 1, 7)])
        world.inbox.put(0, [], [Disconnected(6, 1, 7)])
        world.put(post())
        world.replies(1)
        assert [call[0] for call in world.presence.calls] == ["in", "in", "out"]
        touched = [entry for batch in world.store.batches for entry in batch if isinstance(entry, TouchSession)]
        assert touched == [TouchSession(1, 7)]


def test_presence_answers_in_the_order_of_the_entries_and_without_a_transaction() -> None:
    with World() as world:
        world.put(PresenceRequest(1), PresenceRequest(404))
        replies = world.replies(2)
        assert isinstance(replies[0], Done)
        assert isinstance(replies[1], Failure)
        assert (replies[1].code, replies[1].id) == ("room.unknown", 2)
        assert world.store.batches == []


def test_what_presence_has_to_tell_goes_to_every_thread_when_it_is_due() -> None:
    with World(2) as world:
        world.presence.notices = [Notice("team", b"frame")]
        world.presence.due_at = time.monotonic() + 0.05
        world.put(post())
        for thread in range(2):
            found = world.announcements(lambda some: any(one.notices for one in some), thread)
            assert [one.notices for one in found if one.notices] == [world.presence.notices]


def test_an_operator_is_answered_with_the_outcome() -> None:
    with World() as world:
        world.inbox.administer(Administration(LeaveRoom(1, "nowhere"), world.operator, 3))
        world.inbox.administer(Administration(LeaveRoom(1, "team"), world.operator, 4))
        answers: list[object] = []
        pause = threading.Event()
        while len(answers) < 2:
            answers += world.operator.take()
            pause.wait(0.001)
        refused, settled = answers
        assert isinstance(refused, AdministrationOutcome)
        assert isinstance(settled, AdministrationOutcome)
        assert (refused.tag, type(refused.outcome)) == (3, Refused)
        assert settled == AdministrationOutcome(4, Settled("done"))


def test_a_full_disk_refuses_until_a_probe_finds_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "STORAGE_RETRY_SECONDS", 0.2)
    with World() as world:
        world.store.trouble = StorageFull()
        world.put(post())
        (reply,) = world.replies(1)
        assert isinstance(reply, Failure)
        assert (reply.code, reply.retry_after) == ("storage.full", 0.2)
        world.put(post())
        world.replies(1)
        world.store.trouble = None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not isinstance(reply, Accepted):
            assert time.monotonic() < deadline, "the disk has room and everything is refused"
            world.put(post())
            (reply,) = world.replies(1)
        assert world.store.probes > 0
        assert len(world.store.batches) == 1


def test_between_probes_of_a_full_disk_nothing_is_tried() -> None:
    assert STORAGE_RETRY_SECONDS == 5.0
    with World() as world:
        world.store.trouble = StorageFull()
        world.put(post())
        world.replies(1)
        world.store.trouble = None
        for _ in range(20):
            world.put(post())
            (reply,) = world.replies(1)
            assert isinstance(reply, Failure)
        assert world.store.batches == []


def test_failed_storage_is_never_written_again_and_the_supervisor_is_told_once() -> None:
    with World() as world:
        world.store.trouble = StorageFailed()
        world.put(post())
        world.replies(1)
        world.supervised(StorageLost())
        world.store.trouble = None
        for _ in range(5):
            world.put(post())
            (reply,) = world.replies(1)
            assert isinstance(reply, Failure)
            assert reply.code == "storage.failed"
        assert world.store.batches == []
        assert StorageLost() not in world.supervisor.take()


def test_maintenance_is_done_step_by_step_while_nobody_wants_anything() -> None:
    world = World()
    world.store.maintenance_left = 5
    with world:
        deadline = time.monotonic() + PATIENCE_SECONDS
        pause = threading.Event()
        while world.store.maintenance_left > 0:
            assert time.monotonic() < deadline
            pause.wait(0.001)
        assert world.store.maintained[:5] == [True] * 5


def test_everything_that_was_put_before_the_end_is_decided() -> None:
    with World() as world:
        for number in range(100):
            world.put(post(), first=number + 1)
        world.inbox.finish()
        world.supervised(Finished("journal", "emptied"))
        assert sum(len(batch) for batch in world.store.batches) == 100
