"""The thread that looks things up: history, search, rooms, people, mail, over a connection of its own."""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from typing import Final, TypeAlias

import msgspec

from secure_chat.errors import ChatError, InternalError
from secure_chat.limits import MAX_WAITING_READS, MAX_WAITING_READS_OF_ONE, READ_RETRY_SECONDS
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import (
    DeviceLists,
    HistoryPage,
    OwnInvites,
    PeoplePage,
    Person,
    RoomPage,
    RoomSummary,
    SearchPage,
)
from secure_chat.server.fair_queue import Bounds, FairQueue
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Answer, MailPage, Origin, ReadRequest, SupervisorItem
from secure_chat.server.prekey_checks import check_prekeys
from secure_chat.server.read_requests import (
    AnyReadRequest,
    CheckPrekeys,
    ListMembers,
    ListRooms,
    ReadDeviceLists,
    ReadHistory,
    ReadMail,
    ReadOwnInvites,
    SearchRooms,
)
from secure_chat.server.services import AnswerSink
from secure_chat.server.supervised import SupervisedThread
from secure_chat.storage.entries import PublishPrekeys
from secure_chat.storage.reader import StoreReader

LOG: Final = logging.getLogger("secure_chat.reader")

BOUNDS: Final = Bounds(MAX_WAITING_READS, MAX_WAITING_READS_OF_ONE, READ_RETRY_SECONDS)


PageRequest: TypeAlias = ReadHistory | SearchRooms | ListRooms | ListMembers | ReadDeviceLists | ReadOwnInvites


class Lookup(msgspec.Struct, frozen=True, gc=False):
    """One request and whose it is."""

    origin: Origin
    request: AnyReadRequest


class ReaderThread:
    """The reader. `submit` is called by I/O threads and never waits; accounts take turns."""

    def __init__(
        self,
        open_reader: Callable[[], StoreReader],
        online: Inbox[frozenset[int]],
        sink: AnswerSink,
        supervisor: Inbox[SupervisorItem],
    ) -> None:
        """`online`: where presence puts the accounts that are online, the newest last."""
        self._open_reader = open_reader
        self._news = online
        self._online: frozenset[int] = frozenset()
        self._sink = sink
        self._queue: FairQueue[int, Origin, Lookup] = FairQueue(BOUNDS)
        self._thread = SupervisedThread("reader", self._work, supervisor)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more; what waits is dropped."""
        self._queue.close()

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; tells whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def submit(self, origin: Origin, request: ReadRequest) -> None:
        """Let a request wait for its turn. Raises `Busy` when too much waits."""
        if not isinstance(request, AnyReadRequest):
            raise TypeError(type(request))
        self._queue.put(request.account, origin, Lookup(origin, request))

    def _work(self) -> None:
        with closing(self._news), closing(self._open_reader()) as reader:
            while (taken := self._queue.take()) is not None:
                account, lookup = taken
                begun = time.monotonic()
                result = self._result(reader, lookup.request)
                seconds = time.monotonic() - begun
                answer = Answer(lookup.origin.serial, lookup.request.id, result, account, seconds)
                self._queue.done(account)
                self._sink.answer(lookup.origin.io_thread, answer)

    def _result(self, reader: StoreReader, request: AnyReadRequest) -> bytes | PublishPrekeys | MailPage | ChatError:
        try:
            if isinstance(request, ReadMail):
                rows = reader.mail(
                    request.account, request.device, request.after, rows=request.rows, size=request.bytes
                )
                return MailPage(rows)
            if isinstance(request, CheckPrekeys):
                return check_prekeys(request, reader.device_key(request.account, request.device))
            return self._page(reader, request)
        except ChatError as error:
            return MailPage(None) if isinstance(request, ReadMail) else error
        except Exception:
            # Whatever it is, it says nothing about the next request; who asked is told, and the log has the rest.
            LOG.exception("a request of account %d broke: %r", request.account, request)
            return MailPage(None) if isinstance(request, ReadMail) else InternalError()

    def _page(self, reader: StoreReader, request: PageRequest) -> bytes:
        match request:
            case ReadHistory():
                history = reader.history(request.account, request.room, request.first, request.last)
                return encode(HistoryPage(request.id, request.room, history.first, history.last, history.frames))
            case SearchRooms():
                found = reader.search(
                    request.account,
                    request.words,
                    room=request.room,
                    sender=request.sender,
                    since=request.since,
                    before=request.before,
                )
                return encode(SearchPage(request.id, found.frames, found.next))
            case ListRooms():
                rooms = reader.rooms(request.account, pattern=request.pattern, after=request.after)
                rows = [RoomSummary(row.room, row.topic, row.members, row.joined) for row in rooms.rooms]
                return encode(RoomPage(request.id, rows, rooms.more, rooms.total))
            case ListMembers():
                for accounts in self._news.take():
                    self._online = accounts
                members = reader.members(request.account, request.room, after=request.after)
                people = [Person(row.name, row.role.value, row.account in self._online) for row in members.members]
                return encode(PeoplePage(request.id, people, members.more, members.total))
            case ReadDeviceLists():
                lists = reader.device_lists(name=request.name, user_id=request.user_id, after=request.after)
                return encode(
                    DeviceLists(request.id, lists.user_id, lists.name, lists.state, list(lists.lists), lists.more)
                )
            case ReadOwnInvites():
                return encode(OwnInvites(request.id, list(reader.own_used_invites(request.account))))
