"""One question for older events of a room: as many pages as it takes, one answer."""

from collections.abc import Callable

from secure_chat.client.events import HistoryFound
from secure_chat.client.history_pages import read_page
from secure_chat.client.requests import Request, Requests
from secure_chat.client.rooms import Room
from secure_chat.errors import ChatError, ServerSaidNonsense
from secure_chat.limits import MAX_HISTORY_CALL, MAX_HISTORY_ROWS
from secure_chat.protocol.commands import RoomHistory
from secure_chat.protocol.events import HistoryPage, RoomEvent, Said


class HistoryCall:
    """Fetch the `count` numbers before `before` (None: the newest), and answer once. Pure."""

    def __init__(
        self,
        room: Room,
        before: int | None,
        count: int,
        requests: Requests,
        answer: Callable[[HistoryFound | ChatError], None],
    ) -> None:
        self._room = room.name
        self._oldest = room.first
        newest = room.head if before is None else min(room.head, before - 1)
        self._last = max(0, newest)
        self._first = max(room.first, self._last - min(count, MAX_HISTORY_CALL) + 1)
        self._next = self._first
        self._events: list[RoomEvent] = []
        self._requests = requests
        self._answer = answer

    def begin(self) -> None:
        """Ask for the first page, or answer at once when there is nothing to ask for."""
        if self._next > self._last:
            self._answer(
                HistoryFound(self._room, self._first, self._last, tuple(self._events), self._first > self._oldest)
            )
            return
        last = min(self._last, self._next + MAX_HISTORY_ROWS - 1)
        self._requests.ask(
            Request(lambda id_: RoomHistory(id_, self._room, self._next, last), self._answered, self._answer)
        )

    def _answered(self, said: Said) -> None:
        if not isinstance(said, HistoryPage) or said.room != self._room:
            raise ServerSaidNonsense
        self._events += read_page(said)
        # An empty page: nothing of what was asked for is kept.
        covered = said.last if said.last >= self._next else min(self._last, self._next + MAX_HISTORY_ROWS - 1)
        self._next = covered + 1
        self.begin()
