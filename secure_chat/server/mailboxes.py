"""The mailboxes of one I/O thread's connections: what is given at once, what is read first, what leaves a window."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from secure_chat.errors import Busy
from secure_chat.limits import MAX_MAIL_READS_UNDER_WAY, MAX_WAITING_REPLIES_BYTES, READ_RETRY_SECONDS
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import InviteUsed, PrekeysLow
from secure_chat.server.connection import NEVER, Connection
from secure_chat.server.connections import Connections
from secure_chat.server.delivery import Delivery
from secure_chat.server.mailbox import Mailbox
from secure_chat.server.read_requests import ReadMail
from secure_chat.server.services import Reader
from secure_chat.storage.outcomes import InviteWasUsed, MailArrived, MailGone, PrekeysRunLow
from secure_chat.storage.records import Mail

NO_REQUEST: Final = 0  # nobody on the wire has asked for these pages


class Mailboxes:
    """From announcements and pages to what `Delivery` writes.

    A connection has a mailbox from its welcome to its end. Those whose next page must come from the database wait for
    it in a list of their own, so that however many come back at once leave the reader's queue to other requests.
    """

    __slots__ = (
        "_connections",
        "_delivery",
        "_listed",
        "_most_reads",
        "_reader",
        "_reads",
        "_retry_at",
        "_turned_away",
    )

    def __init__(self, connections: Connections, delivery: Delivery, reader: Reader, io_threads: int) -> None:
        self._connections = connections
        self._delivery = delivery
        self._reader = reader
        self._most_reads = max(1, MAX_MAIL_READS_UNDER_WAY // io_threads)
        self._reads = 0  # pages under way
        self._listed: deque[Connection] = deque()  # want a page, longest ago first
        self._turned_away: list[Connection] = []  # too much of theirs, or of all, waits for the reader; listed as well
        self._retry_at = NEVER  # they are tried again then

    @property
    def retry_at(self) -> float | None:
        """When to go on although nothing has come; seconds, monotonic."""
        return self._retry_at if self._turned_away else None

    # --- of one connection -----------------------------------------------------------------------

    def begin(self, connection: Connection, device: int, *, has_mail: bool) -> None:
        """It is welcome: from now on it is given its device's mail, oldest first."""
        connection.mailbox = Mailbox(device, has_mail=has_mail)
        self._list(connection)

    def defer(self, connection: Connection, envelope_ids: Iterable[bytes]) -> None:
        """These leave the window and come again on the device's next connection."""
        if connection.mailbox is not None:
            connection.mailbox.leave_window(envelope_ids)
            self._list(connection)

    # --- from the journal ------------------------------------------------------------------------

    def arrived(self, change: MailArrived) -> None:
        """New envelopes of one device are on the disk."""
        for connection in self._connections.by_account.get(change.account, ()):
            mailbox = connection.mailbox
            if mailbox is None or mailbox.device != change.device:
                continue
            if mailbox.arrived(change.mail):
                self._delivery.queue(connection)
            else:
                self._list(connection)

    def gone(self, change: MailGone) -> None:
        """These are in the mailbox no more."""
        for connection in self._connections.by_account.get(change.account, ()):
            mailbox = connection.mailbox
            if mailbox is not None and mailbox.device == change.device:
                mailbox.leave_window(change.envelope_ids)
                self._list(connection)

    def prekeys_low(self, change: PrekeysRunLow) -> None:
        """A hint to the device; its next welcome says the same."""
        frame = encode(PrekeysLow(change.live))
        for connection in self._connections.by_account.get(change.account, ()):
            if connection.mailbox is not None and connection.mailbox.device == change.device:
                self._hint(connection, frame)

    def invite_used(self, change: InviteWasUsed) -> None:
        """A hint to the account's devices; their next welcome says the same."""
        frame = encode(InviteUsed(change.token_hash))
        for connection in self._connections.by_account.get(change.account, ()):
            self._hint(connection, frame)

    # --- pages -----------------------------------------------------------------------------------

    def answered(self, connection: Connection | None, rows: Sequence[Mail] | None, now: float) -> None:
        """A page has come, or (None) it could not be read; the connection may have gone meanwhile."""
        self._reads -= 1
        if connection is None or connection.mailbox is None:
            return
        if rows is None:
            connection.mailbox.not_read()
            connection.mailbox.listed = True
            self._turn_away(connection, now)
            return
        if connection.mailbox.read(rows):
            self._delivery.queue(connection)
        self._list(connection)

    def go_on(self, now: float) -> None:
        """Ask the reader for pages, as many as may be under way."""
        emptied, self._delivery.emptied = self._delivery.emptied, []
        for connection in emptied:
            self._list(connection)
        if self._turned_away and now >= self._retry_at:
            self._listed += self._turned_away
            self._turned_away.clear()
        while self._listed and self._reads < self._most_reads:
            connection = self._listed.popleft()
            mailbox, session = connection.mailbox, connection.session
            if mailbox is None or session is None:
                continue  # it has ended meanwhile
            mailbox.listed = False
            page = mailbox.wanted_page()
            if page is None:
                continue
            request = ReadMail(NO_REQUEST, session.account, session.device, page.after, page.rows, page.bytes)
            try:
                self._reader.submit(connection.origin, request)
            except Busy:  # perhaps by its account's own doing: the others are tried nevertheless
                mailbox.listed = True
                self._turn_away(connection, now)
                continue
            self._reads += 1
            mailbox.begin_reading(page)

    # --- shared ----------------------------------------------------------------------------------

    def _turn_away(self, connection: Connection, now: float) -> None:
        if not self._turned_away:
            self._retry_at = now + READ_RETRY_SECONDS
        self._turned_away.append(connection)

    def _list(self, connection: Connection) -> None:
        mailbox = connection.mailbox
        if mailbox is not None and not mailbox.listed and mailbox.wanted_page() is not None:
            mailbox.listed = True
            self._listed.append(connection)

    def _hint(self, connection: Connection, frame: bytes) -> None:
        if connection.mailbox is not None and connection.direct_bytes < MAX_WAITING_REPLIES_BYTES:
            self._delivery.say(connection, frame)
