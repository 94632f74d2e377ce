"""Presence on the journal thread: from logins and changes to notices for rooms and replies to `user.list`."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from secure_chat.limits import MAX_PAGE_ROWS, PRESENCE_INTERVAL_SECONDS
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import PeoplePage, Person
from secure_chat.server.items import Notice, PresenceRequest
from secure_chat.server.presence import PresenceTable
from secure_chat.server.presence_requests import ListOnline
from secure_chat.server.session import Session
from secure_chat.storage.outcomes import Change, MailArrived, MailGone, MembershipBegan, MembershipEnded, SessionsEnded
from secure_chat.storage.page_cut import cut

_AROUND_A_NAME: Final = 48  # bytes of a row of the page beside the name: keys, role, flag


_OF_MAIL: Final[frozenset[type]] = frozenset({MailArrived, MailGone})


class PresenceService:
    """What the journal asks of presence. Everything is called on the journal thread; `now` is monotonic seconds."""

    def __init__(self, table: PresenceTable, publish: Callable[[frozenset[int]], object]) -> None:
        """`publish`: takes the accounts that are online, once a second at most and only when they are others."""
        self._table = table
        self._publish = publish
        self._published: frozenset[int] = frozenset()
        self._is_stale = False
        self._publish_at = 0.0

    def logged_in(self, session: Session, rooms: Iterable[str], now: float) -> None:
        """A device is connected, or connected again."""
        del now  # the first delta goes out at once
        self._table.connected(session.account, session.device, session.name, session.role, rooms)
        self._is_stale = True

    def disconnected(self, account: int, device: int, now: float) -> None:
        """The live connection of a device has ended."""
        self._table.disconnected(account, device, now)
        self._is_stale = True

    def changed(self, changes: Sequence[Change], now: float) -> None:
        """Memberships and sessions have changed, in this order."""
        del now
        for change in changes:
            if type(change) in _OF_MAIL:  # the most frequent ones by far
                continue
            match change:
                case MembershipBegan():
                    self._table.membership_began(change.room, change.account)
                case MembershipEnded():
                    self._table.membership_ended(change.room, change.account)
                case SessionsEnded():
                    # Whose session was ended does not come back within the grace.
                    self._table.sessions_ended(change.account, change.device, change.except_device)
                    self._is_stale = True

    def answer(self, request: PresenceRequest) -> bytes:
        """A page of the people who are online."""
        if not isinstance(request, ListOnline):
            raise TypeError(type(request))
        people = self._table.people_after(request.after, MAX_PAGE_ROWS + 1)
        page, more = cut(people, _size_of, MAX_PAGE_ROWS)
        return encode(PeoplePage(request.id, page, more, len(self._table)))

    def due(self, now: float) -> Sequence[Notice]:
        """What everybody in some rooms must be told now."""
        deltas = self._table.take_due(now)
        if self._is_stale or deltas:
            self._publish_if_due(now)
        return [Notice(delta.room, encode(delta)) for delta in deltas]

    def next_due(self) -> float | None:
        """When `due` may have something; None: nothing is under way."""
        times = [self._table.next_time(), self._publish_at if self._is_stale else None]
        return min((time for time in times if time is not None), default=None)

    def _publish_if_due(self, now: float) -> None:
        if now < self._publish_at:
            self._is_stale = True
            return
        self._is_stale = False
        online = self._table.online()
        if online != self._published:
            self._published = online
            self._publish_at = now + PRESENCE_INTERVAL_SECONDS
            self._publish(online)


def _size_of(person: Person) -> int:
    return _AROUND_A_NAME + len(person.name.encode("utf-8"))
