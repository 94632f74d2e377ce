"""What the I/O core asks of the parts around it, as interfaces: handlers, pool, reader, presence, store."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import msgspec

from secure_chat.errors import NotNow
from secure_chat.protocol.commands import AnyCommand
from secure_chat.server.items import (
    Announcement,
    Answer,
    AskSessions,
    AuthenticationRequest,
    HandlerResult,
    NewConnection,
    Notice,
    Origin,
    PresenceRequest,
    ReadRequest,
    SayGoodbye,
    StopReading,
    TlsIdentity,
)
from secure_chat.server.session import LimitedSession, Session
from secure_chat.server.settings.model import Rates
from secure_chat.storage.entries import AnyEntry
from secure_chat.storage.outcomes import Change, Committed


class Context(msgspec.Struct, frozen=True, gc=False):
    """What a handler knows of the connection that asks; made anew for each command."""

    session: Session | None  # in the state READY
    limited: LimitedSession | None  # in the state LIMITED
    nonce: bytes  # of this connection's hello, 32; empty once it is logged in
    leaf_hash: bytes  # of the certificate that this connection was served, 32
    announced: Callable[[str], int | None]
    """The number of a room's newest event announced to this I/O thread; None: nobody here receives the room."""

    @property
    def ready(self) -> Session:
        """The session of a logged-in connection. Raises `NotNow`; the table of states has refused it before."""
        if self.session is None:
            raise NotNow
        return self.session


class Worker(Protocol):
    """Threads of a part that begin and end with the server."""

    def start(self) -> None:
        """Begin; returns at once."""

    def stop(self) -> None:
        """Take nothing more and end soon; returns at once."""

    def join(self, timeout: float) -> bool:
        """Wait until they have ended; tells whether they have."""


class Handler(Protocol):
    """Commands to what they mean. Called on every I/O thread: it never blocks and shares only what is immutable."""

    def handle(self, command: AnyCommand, context: Context) -> HandlerResult:
        """One command that the table of states permits. Raises `ChatError`: the reply is that error."""


class AuthenticationPool(Worker, Protocol):
    """bcrypt and device signatures, away from the I/O threads. Answers go to `AnswerSink`."""

    def submit(self, origin: Origin, request: AuthenticationRequest, address: str) -> None:
        """Queue, never block. Raises `Busy` or `RateLimited`."""

    def forget(self, origin: Origin) -> None:
        """The connection has gone while its request waits: the work may be saved."""


class Reader(Worker, Protocol):
    """History, search, lists: over a connection of its own. Answers go to `AnswerSink`."""

    def submit(self, origin: Origin, request: ReadRequest) -> None:
        """Queue, never block. Raises `Busy`."""


class AnswerSink(Protocol):
    """Where the pool and the reader put what they have found; any thread, never blocks."""

    def answer(self, io_thread: int, answer: Answer) -> None:
        """To the I/O thread that owns the connection."""


class Presence(Protocol):
    """Who is online. Everything is called on the journal thread; `now` is seconds, monotonic."""

    def logged_in(self, session: Session, rooms: Iterable[str], now: float) -> None:
        """A device is connected (again); `rooms` are the account's memberships."""

    def disconnected(self, account: int, device: int, now: float) -> None:
        """The live connection of a device has ended; not called when another has replaced it."""

    def changed(self, changes: Sequence[Change], now: float) -> None:
        """Memberships and sessions have changed, in this order."""

    def answer(self, request: PresenceRequest) -> bytes:
        """A whole reply frame. Raises `ChatError`."""

    def due(self, now: float) -> Sequence[Notice]:
        """What everybody in some rooms must be told now; mostly nothing."""

    def next_due(self) -> float | None:
        """When `due` may have something; None: nothing is under way."""


class Store(Protocol):
    """The database behind the journal. Everything is called on the journal thread."""

    def commit(self, batch: Sequence[AnyEntry], now_ms: int) -> Committed:
        """Decide and write all; returns when the disk has it.

        Raises `StorageFull` or `StorageFailed`; nothing is written then.
        """

    def probe(self) -> None:
        """After `StorageFull`: raises it again, or returns when there is room."""

    def maintain(self, now_ms: int, *, idle: bool) -> bool:
        """One small step of checkpoint, index merge, expiry; tells whether there is more to do.

        Raises `StorageFull` or `StorageFailed`.
        """

    def close(self) -> None:
        """Checkpoint and let go; called last."""


@dataclass(frozen=True, slots=True)
class Live:
    """All that a reload swaps at once, as a whole."""

    tls: TlsIdentity
    registration: str  # closed, invite, open: as hello says it
    rates: Rates
    handler: Handler


IoItem: TypeAlias = NewConnection | Announcement | Answer | AskSessions | Live | StopReading | SayGoodbye
"""What is put into the inbox of an I/O thread."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts that I/O threads hand work to; the same ones for the life of the process."""

    pool: AuthenticationPool
    reader: Reader
