"""How far a connection has been given its device's mailbox: a cursor, and a window of what is not acknowledged.

A mailbox is a log: its envelopes are numbered in the order of their arrival. A connection begins at the oldest that is
kept, is given at most a window of them, and more as it acknowledges or defers what it has. What arrives while it has
everything and the window has room is given at once; otherwise it has fallen behind and is brought up by pages from the
database. Pure: `Mailboxes` reads the pages, `Delivery` writes what waits.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from secure_chat.limits import (
    MAILBOX_WINDOW_BYTES,
    MAILBOX_WINDOW_ENVELOPES,
    MAX_DIRECT_FRAME_BYTES,
    MAX_WAITING_MAIL_BYTES,
)
from secure_chat.storage.records import Mail

NOTHING_READ: Final = -1  # no page is under way


class WantedPage(msgspec.Struct, frozen=True, gc=False):
    """What is to be read next: the envelopes above `after`, so many and so many bytes at most."""

    after: int
    rows: int
    bytes: int


class Mailbox:
    """One connection's place in its device's mailbox. The I/O thread's that owns the connection."""

    __slots__ = (
        "_behind",
        "_newest",
        "_position",
        "_reading",
        "_waiting_bytes",
        "_wanted",
        "_window",
        "_window_bytes",
        "device",
        "listed",
        "waits",
    )

    def __init__(self, device: int, *, has_mail: bool) -> None:
        """`has_mail`: something was in the mailbox when the device logged in."""
        self.device = device
        self._position = 0  # everything up to this number was given, or is in the mailbox no more
        self._newest = 0  # the highest number announced
        self._behind = has_mail  # there may be more above the position, and only the database has it
        self._reading = NOTHING_READ  # else what `_newest` was when the page under way was asked for
        self._wanted: WantedPage | None = None  # the page under way
        self._window: dict[bytes, int] | None = None  # size of what is not acknowledged by envelope id
        self._window_bytes = 0
        self.waits: list[bytes] | None = None  # frames that were given and not written yet, oldest first
        self._waiting_bytes = 0  # of those
        self.listed = False  # `Mailboxes` has it in its list of those to be read for

    # --- what comes in ---------------------------------------------------------------------------

    def arrived(self, mail: Sequence[Mail]) -> bool:
        """New envelopes, ascending; tells whether something is to be written now."""
        keeps_up = not self._behind and self._reading == NOTHING_READ
        if keeps_up and mail[0].mail_id > self._position and self._has_room(len(mail), _bytes_of(mail)):
            self._newest = mail[-1].mail_id
            self._give(mail)
            return True
        has_some = False
        for one in mail:
            if one.mail_id <= self._position:
                continue  # a page had it already
            self._newest = one.mail_id
            if self._behind or self._reading != NOTHING_READ or not self._has_room(1, len(one.frame)):
                self._behind = True
            else:
                self._give((one,))
                has_some = True
        return has_some

    def wanted_page(self) -> WantedPage | None:
        """The page that should be read now, if any; `begin_reading` says that it is."""
        if not self._behind or self._reading != NOTHING_READ or self.waits is not None:
            return None
        rows = MAILBOX_WINDOW_ENVELOPES - len(self._window or ())
        size = min(MAILBOX_WINDOW_BYTES - self._window_bytes, MAX_WAITING_MAIL_BYTES)
        if rows <= 0 or size < MAX_DIRECT_FRAME_BYTES:
            return None
        return WantedPage(self._position, rows, size)

    def begin_reading(self, page: WantedPage) -> None:
        """The page is asked for. It is read after this, so it has all that was announced before."""
        self._wanted, self._reading = page, self._newest

    def read(self, rows: Sequence[Mail]) -> bool:
        """The page that was asked for, ascending; tells whether something is to be written."""
        page, known = self._wanted, self._reading
        self._wanted, self._reading = None, NOTHING_READ
        if page is None:
            return False
        self._give(rows)
        size = _bytes_of(rows)
        if len(rows) < page.rows and size + MAX_DIRECT_FRAME_BYTES <= page.bytes:  # one more would have fitted
            self._position = max(self._position, known)
            self._behind = self._newest > self._position
        return bool(rows)

    def not_read(self) -> None:
        """The page could not be read; it is wanted as before."""
        self._wanted, self._reading = None, NOTHING_READ

    def leave_window(self, envelope_ids: Iterable[bytes]) -> None:
        """These are acknowledged, or deferred to the next connection; unknown ones are fine."""
        window = self._window
        if window is None:
            return
        for envelope_id in envelope_ids:
            self._window_bytes -= window.pop(envelope_id, 0)
        if not window:
            self._window = None

    # --- what goes out ---------------------------------------------------------------------------

    def take(self, limit: int) -> bytes:
        """What waits, in order, for one write of at most `limit` bytes: whole frames, perhaps none."""
        waits, size = self.waits or [], self._waiting_bytes
        count = len(waits)
        if size > limit:
            count, size = 0, 0
            while size + len(waits[count]) <= limit:
                size += len(waits[count])
                count += 1
        taken = waits[0] if count == 1 else b"".join(waits[:count])
        self.waits = waits[count:] or None
        self._waiting_bytes -= size
        return taken

    # --- the window ------------------------------------------------------------------------------

    def _has_room(self, envelopes: int, size: int) -> bool:
        return (
            self._window_bytes + size <= MAILBOX_WINDOW_BYTES
            and self._waiting_bytes + size <= MAX_WAITING_MAIL_BYTES
            and (self._window is None or len(self._window) + envelopes <= MAILBOX_WINDOW_ENVELOPES)
        )

    def _give(self, mail: Sequence[Mail]) -> None:
        if not mail:
            return
        window, waits, given = self._window, self.waits, 0
        if window is None:
            window = self._window = {}
        if waits is None:
            waits = self.waits = []
        for one in mail:
            frame, envelope_id = one.frame, one.envelope_id
            size = len(frame)
            given += size
            # Two senders may have drawn one id, the second on purpose: an acknowledgement names both.
            window[envelope_id] = window.get(envelope_id, 0) + size
            waits.append(frame)
        self._window_bytes += given
        self._waiting_bytes += given
        self._position = mail[-1].mail_id


def _bytes_of(mail: Sequence[Mail]) -> int:
    size = 0
    for one in mail:
        size += len(one.frame)
    return size
