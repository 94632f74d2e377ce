"""One connection: what its I/O thread knows of it. Data only; nobody but that thread touches it."""

import enum
import socket
from collections import deque
from typing import Final

from secure_chat.limits import MAX_FRAME_BEFORE_LOGIN_BYTES
from secure_chat.protocol.frames import FrameReader
from secure_chat.protocol.states import Role, State
from secure_chat.server.cursor import Cursor
from secure_chat.server.items import Origin, TlsIdentity
from secure_chat.server.mailbox import Mailbox
from secure_chat.server.session import LimitedSession, Session
from secure_chat.server.tls_channel import TlsChannel


class Hold(enum.Enum):
    """Why a connection is not read although it is open: TCP makes its peer wait."""

    TURN = "turn"  # more frames than one turn takes: goes on in the next
    CREDIT = "credit"  # until the journal or the reader has answered something
    REPLIES = "replies"  # until it has taken what was said to it


class Phase(enum.Enum):
    """How far the closing of a connection has come."""

    FLUSHING = "flushing"  # what was said is written
    SAID = "said"  # close_notify is written
    DISCARDING = "discarding"  # the sending direction has ended; what still comes is thrown away


NO_CURSORS: Final[
    dict[str, "Cursor[Connection]"]
] = {}  # shared by all connections that receive no room; never written to
NEVER: Final = 0.0  # a time that has not come


class Connection:
    """An accepted socket and everything that belongs to it.

    Times are seconds, monotonic, `NEVER` when they do not apply. There may be thousands: no field holds a container
    while it is empty.
    """

    __slots__ = (
        "address",
        "blocked_since",
        "channel",
        "closing",
        "closing_until",
        "credit_bytes",
        "credit_entries",
        "cursors",
        "descriptor",
        "direct",
        "direct_bytes",
        "discarded",
        "established",
        "frame_since",
        "frames",
        "gone",
        "hold",
        "identity",
        "input_at",
        "interest",
        "internal_errors",
        "limited",
        "mailbox",
        "nonce",
        "origin",
        "pending",
        "pinged_at",
        "queued",
        "reads_under_way",
        "scheduled",
        "serial",
        "session",
        "since",
        "socket",
        "state",
        "state_since",
        "tokens",
        "waiting",
    )

    def __init__(self, origin: Origin, plain: socket.socket, address: str, now: float) -> None:
        self.origin = origin
        self.serial = origin.serial
        self.socket = plain
        self.descriptor = plain.fileno()
        self.address = address
        self.since = 0  # when it was logged in, milliseconds since 1970 UTC

        # TLS and frames
        self.channel: TlsChannel | None = None  # from the first byte on
        self.identity: TlsIdentity | None = None  # the certificate it was served
        self.established = False  # the handshake is done
        self.frames = FrameReader(MAX_FRAME_BEFORE_LOGIN_BYTES)
        self.waiting: deque[bytes] | None = None  # frame bodies that must wait for their turn or for credit
        self.hold: Hold | None = None  # ... and why

        # who it is
        self.state = State.UNAUTHENTICATED
        self.session: Session | None = None
        self.limited: LimitedSession | None = None
        self.nonce = b""
        self.tokens: dict[int, bytes] | None = None  # drawn for what is being decided, by the request's id

        # what is under way
        self.credit_entries = 0
        self.credit_bytes = 0
        self.reads_under_way = 0
        self.internal_errors = 0

        # what is to be written
        self.direct: list[bytes] | None = None  # plaintext frames for this connection alone
        self.direct_bytes = 0
        self.pending = b""  # ciphertext that the socket has not taken
        self.cursors = NO_CURSORS  # by room
        self.mailbox: Mailbox | None = None  # from the welcome on
        self.queued = False  # the delivery looks at it in its next pass
        self.interest = 0  # the events it is polled for

        # times
        self.state_since = now
        self.input_at = now  # the last plaintext
        self.frame_since = NEVER  # the first byte of an unfinished frame
        self.pinged_at = NEVER
        self.blocked_since = NEVER  # the socket has taken nothing since, and something waits
        self.scheduled = 0  # tick of the wheel

        # the end
        self.closing: Phase | None = None
        self.closing_until = NEVER
        self.discarded = 0  # bytes
        self.gone = False

    @property
    def role(self) -> Role:
        """What the connection may do; a stranger is no administrator."""
        return Role.MEMBER if self.session is None else self.session.role

    def say(self, frame: bytes) -> None:
        """Put a whole frame behind what is to be written to this connection alone."""
        if self.direct is None:
            self.direct = [frame]
        else:
            self.direct.append(frame)
        self.direct_bytes += len(frame)

    def take_said(self, limit: int) -> bytes:
        """What was said, in order, for one write of at most `limit` bytes: whole frames, or a piece of a larger one."""
        said = self.direct or []
        if self.direct_bytes <= limit:
            self.direct = None
            self.direct_bytes = 0
            return said[0] if len(said) == 1 else b"".join(said)
        count, size = 0, 0
        while size + len(said[count]) <= limit:
            size += len(said[count])
            count += 1
        if count:
            taken = b"".join(said[:count])
            del said[:count]
        else:
            taken, said[0] = said[0][:limit], said[0][limit:]
        self.direct_bytes -= len(taken)
        return taken
