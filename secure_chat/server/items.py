"""What crosses from one thread of the server to another, and through which inbox."""

import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, TypeGuard

import msgspec

from secure_chat.errors import ChatError
from secure_chat.server.inbox import Inbox
from secure_chat.server.session import LimitedSession, Session
from secure_chat.storage.entries import ENTRIES, AnyEntry
from secure_chat.storage.outcomes import Blob, Change, Outcome
from secure_chat.storage.records import Mail


class Origin(msgspec.Struct, frozen=True, gc=False):
    """Where a request came from: the I/O thread that owns the connection, and the connection's serial number.

    A serial number is never used twice in the life of the process; an answer to one that has gone is dropped.
    """

    io_thread: int
    serial: int


def is_entry(value: object) -> TypeGuard[AnyEntry]:
    """Whether the journal decides it. Asked for every request: no ladder of instances, each of which costs as much."""
    return type(value) in ENTRIES


# --- what a handler or the authentication pool may hand back ---------------------------------------


class WithToken(msgspec.Struct, frozen=True, gc=False):
    """An entry that carries the hash of a token just drawn; the token itself stays with the connection."""

    entry: AnyEntry
    token: bytes  # 32

    def __repr__(self) -> str:
        return f"WithToken({type(self.entry).__name__})"


class ReadRequest(msgspec.Struct, frozen=True, gc=False):
    """Something for the reader thread; the reader's kinds derive from it. `id` is the request's."""

    id: int


class AuthenticationRequest(msgspec.Struct, frozen=True, gc=False):
    """Something for the authentication pool; the pool's kinds derive from it. `id` is the request's."""

    id: int


class PresenceRequest(msgspec.Struct, frozen=True, gc=False):
    """Something that presence, and so the journal thread, answers without a transaction. `id` is the request's."""

    id: int


class Deferral(msgspec.Struct, frozen=True, gc=False):
    """These envelopes leave the connection's window at once; nothing is written. `id` is the request's."""

    id: int
    envelope_ids: Sequence[bytes]


HandlerResult: TypeAlias = (
    bytes | AnyEntry | WithToken | ReadRequest | AuthenticationRequest | PresenceRequest | Deferral | None
)
"""bytes: a whole frame, sent at once. None: there is no reply (pong)."""


# --- to an I/O thread ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewConnection:
    """Accepted, non-blocking, and from now on the I/O thread's alone."""

    socket: socket.socket
    address: str


class Limited(msgspec.Struct, frozen=True, gc=False):
    """The pool's word that the passphrase was right and no device spoke; `frame` is the whole reply."""

    session: LimitedSession
    frame: bytes


class MailPage(msgspec.Struct, frozen=True, gc=False):
    """The next of a device's mail, ascending; None: it could not be read now."""

    rows: Sequence[Mail] | None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the reader or the pool has found for the request `id` of the connection `serial`.

    bytes: the whole reply frame. An entry, with its token or without: to the journal next. `Limited`: the connection
    may recover now. An error: refused; whoever was authenticating is answered and closed. `MailPage`: no request of the
    wire stands behind it.
    """

    serial: int
    id: int
    result: bytes | AnyEntry | WithToken | Limited | MailPage | ChatError
    account: int = 0  # who pays for it, connected or not
    seconds: float = 0.0  # of the reader's work


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One entry's reply, or those of several in a row of one connection. `frames` is empty where the I/O thread makes
    it, because it holds what the journal must not.

    `outcome` is there when the I/O thread must act on it: a login, an opened room, a refusal. Such a one stands alone.
    """

    serial: int
    id: int  # of the last one
    frames: bytes
    size: int  # bytes of credit that come back
    count: int = 1  # how many entries
    outcome: Outcome | None = None


class Notice(msgspec.Struct, frozen=True, gc=False):
    """A frame for everybody who receives this room, not numbered, lost on those who lag: presence."""

    room: str
    frame: bytes


@dataclass(slots=True)
class Announcement:
    """All that one commit means to one I/O thread, in order; nobody changes it once it is put into an inbox.

    `changes` and `appended` are the same objects for every thread.
    """

    changes: Sequence[Change] = ()
    appended: Mapping[str, Sequence[Blob]] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    replies: list[Reply] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)  # serials of connections whose device has connected again
    seconds: float = 0.0  # that the commit took

    def __bool__(self) -> bool:
        return bool(self.replies or self.appended or self.changes or self.replaced or self.notices)


class AskSessions(msgspec.Struct, frozen=True):
    """Who is connected here? One `Sessions` with the same `tag` goes to `reply_to`."""

    reply_to: "Inbox[Sessions | AdministrationOutcome]"
    tag: int


class ConnectedSession(msgspec.Struct, frozen=True, gc=False):
    """A row of the operator's list of sessions. `since`: milliseconds since 1970 UTC."""

    session: Session
    address: str
    since: int


class Sessions(msgspec.Struct, frozen=True):
    """The logged-in connections of one I/O thread, and how many connections it has in all."""

    tag: int
    io_thread: int
    connections: int
    sessions: tuple[ConnectedSession, ...]


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """What new connections are greeted with: swapped as a whole, never changed."""

    context: ssl.SSLContext
    leaf_hash: bytes  # SHA-256 of the DER certificate that `context` serves
    log_public_key: bytes  # 32
    cross_certificates: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class StopReading:
    """First step of the end: nothing is read any more; `Finished` goes to the supervisor."""


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """Second step: everything is decided; tell everybody, flush, close, end the thread."""

    retry_after: float  # seconds; each connection is told up to twice as much
    within: float  # seconds


# --- to the journal --------------------------------------------------------------------------------


class Submission(msgspec.Struct, frozen=True, gc=False):
    """An entry of a connection, or a question to presence. `size`: bytes, counted against the batch and credits."""

    serial: int
    id: int
    entry: AnyEntry | PresenceRequest
    size: int


class Disconnected(msgspec.Struct, frozen=True, gc=False):
    """A logged-in connection has ended."""

    serial: int
    account: int
    device: int


class Administration(msgspec.Struct, frozen=True):
    """An operator's entry, taken before all others. One `AdministrationOutcome` with `tag` goes to `reply_to`."""

    entry: AnyEntry
    reply_to: "Inbox[Sessions | AdministrationOutcome]"
    tag: int


class AdministrationOutcome(msgspec.Struct, frozen=True):
    """What became of an operator's entry."""

    tag: int
    outcome: Outcome


# --- to the supervisor -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """A thread has done what it was told: `step` of the shutdown."""

    thread: str
    step: str


@dataclass(frozen=True, slots=True)
class Died:
    """A thread has ended by an error that nobody expected; the process goes with it."""

    thread: str
    report: str = field(repr=False)  # the traceback


@dataclass(frozen=True, slots=True)
class StorageLost:
    """The journal will never write again: reads for a while, then the end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Somebody wants the server to stop: a signal, the administration socket."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reload:
    """Somebody wants certificate and settings to be read again: a signal."""


SupervisorItem: TypeAlias = Finished | Died | StorageLost | Stop | Reload
