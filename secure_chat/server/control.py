"""The local administration socket: one thread that takes operators' requests and asks the other threads."""

import contextlib
import logging
import selectors
import socket
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from secure_chat.errors import Busy, ChatError, InternalError
from secure_chat.limits import (
    CONTROL_ANSWER_SECONDS,
    CONTROL_IDLE_SECONDS,
    MAX_CONTROL_CONNECTIONS,
    MAX_SMALL_REQUEST_BYTES,
)
from secure_chat.protocol import administration as a
from secure_chat.protocol.events import Failure
from secure_chat.protocol.frames import FrameReader
from secure_chat.server.control_socket import listen, operator_of
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import Administration, AdministrationOutcome, AskSessions, Sessions, SupervisorItem
from secure_chat.server.supervised import SupervisedThread
from secure_chat.storage.administration import entry_of, look_up, reply_of
from secure_chat.storage.entries import AnyEntry
from secure_chat.storage.reader import StoreReader

LOG: Final = logging.getLogger("secure_chat.administration")

_PIECE: Final = 64 * 1024  # bytes of one read


class Core(Protocol):
    """What the control thread asks of the I/O core; any thread may call it."""

    @property
    def io_threads(self) -> int:
        """How many I/O threads answer a question about sessions."""

    def administer(self, item: Administration) -> None:
        """Hand an operator's entry to the journal."""

    def ask_sessions(self, item: AskSessions) -> None:
        """Ask every I/O thread who is connected."""


class Operations(Protocol):
    """What only the running server can answer; called on the control thread."""

    def answer(self, command: a.LiveCommand, sessions: "Gathered", reader: StoreReader) -> a.AdministrationReply:
        """Status, statistics, address, reload. Raises `ChatError`."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What all I/O threads said: how many connections there are, and which devices of which accounts are logged in."""

    connections: int
    devices: frozenset[tuple[int, int]]
    accounts: frozenset[int]

    def online(self, account: int, device: int) -> bool:
        """Whether this device is connected; device 0: any of the account's."""
        return account in self.accounts if device == 0 else (account, device) in self.devices


@dataclass(slots=True)
class _Operator:
    """One connection of an operator."""

    socket: socket.socket
    name: str  # of the operating system's user
    frames: FrameReader
    quiet_since: float
    output: bytes = b""
    is_waiting: bool = False  # for the answer to its request; meanwhile nothing more is read


@dataclass(slots=True)
class _Pending:
    """A request that other threads have been asked about."""

    operator: _Operator
    command: a.AdministrationCommand
    until: float
    entry: AnyEntry | None = None
    answers: list[Sessions] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ReloadOrder:
    """A signal asks for a reload."""


@dataclass(frozen=True, slots=True)
class StopOrder:
    """The server is about to end."""


Order: TypeAlias = ReloadOrder | StopOrder


@dataclass(frozen=True, slots=True)
class _Attached:
    """The server that the thread works for."""

    core: Core
    operations: Operations
    thread: SupervisedThread


class ControlThread:
    """Takes requests at `path`, whose directory nobody else may enter, from the server's own user and root."""

    def __init__(self, path: Path, open_reader: Callable[[], StoreReader]) -> None:
        """Listens from now on; requests wait for `start`. A socket left by a server that died is replaced."""
        self._path = path
        self._open_reader = open_reader
        self._attached: _Attached | None = None
        self._answers: Inbox[Sessions | AdministrationOutcome] = Inbox()
        self._orders: Inbox[Order] = Inbox()
        self._operators: dict[int, _Operator] = {}
        self._pending: dict[int, _Pending] = {}
        self._next_tag = 1
        self._selector = selectors.DefaultSelector()
        self._listener = listen(path)

    def attach(self, core: Core, operations: Operations, supervisor: Inbox[SupervisorItem]) -> None:
        """What there is to ask, once it is there; before `start`."""
        self._attached = _Attached(core, operations, SupervisedThread("control", self._work, supervisor))

    def start(self) -> None:
        """Begin; returns at once."""
        self._server.thread.start()

    def reload(self) -> None:
        """Read settings and certificate again; called for a signal, by any thread."""
        self._orders.put(ReloadOrder())

    def stop(self) -> None:
        """Take nothing more and end soon; returns at once."""
        self._orders.put(StopOrder())

    def join(self, timeout: float) -> bool:
        """Wait until the thread has ended; tells whether it has."""
        self._server.thread.join(timeout)
        return not self._server.thread.is_alive()

    def close(self) -> None:
        """Free everything when the server did not come to be; otherwise the thread does it."""
        self._close()

    @property
    def _server(self) -> "_Attached":
        if self._attached is None:
            raise RuntimeError("the control thread was not attached to a server")
        return self._attached

    # --- the loop ----------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            with closing(self._open_reader()) as reader:
                self._selector.register(self._listener, selectors.EVENT_READ)
                self._selector.register(self._answers, selectors.EVENT_READ)
                self._selector.register(self._orders, selectors.EVENT_READ)
                while not self._stops(reader):
                    self._turn(reader)
        finally:
            self._close()

    def _turn(self, reader: StoreReader) -> None:
        for key, _ in self._selector.select(self._patience()):
            if key.fileobj is self._listener:
                self._accept()
            elif key.fileobj is self._answers:
                for answer in self._answers.take():
                    self._take_answer(answer, reader)
            elif key.fileobj is not self._orders:
                self._serve(self._operators[key.fd])
        self._expire()

    def _stops(self, reader: StoreReader) -> bool:
        """Do what was ordered from outside; tells whether that was to stop."""
        for order in self._orders.take():
            if isinstance(order, StopOrder):
                return True
            try:
                self._server.operations.answer(a.Reload(1), NOBODY, reader)
            except ChatError as error:
                LOG.error("nothing was reloaded: %s", error)
        return False

    def _patience(self) -> float | None:
        times = [pending.until for pending in self._pending.values()]
        times += [operator.quiet_since + CONTROL_IDLE_SECONDS for operator in self._operators.values()]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _expire(self) -> None:
        now = time.monotonic()
        for tag, pending in list(self._pending.items()):
            if pending.until <= now:
                del self._pending[tag]
                self._say(pending.operator, pending.command.id, Busy("The server did not answer in time."))
        for operator in list(self._operators.values()):
            if not operator.is_waiting and operator.quiet_since + CONTROL_IDLE_SECONDS <= now:
                self._drop(operator)

    # --- operators ---------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return  # gone before it was taken
        connection.setblocking(False)
        try:
            name = operator_of(connection)
            if len(self._operators) >= MAX_CONTROL_CONNECTIONS:
                raise Busy("Too many operators ask at once.")
        except ChatError as error:
            _turn_away(connection, error)
            return
        operator = _Operator(connection, name, FrameReader(MAX_SMALL_REQUEST_BYTES), time.monotonic())
        self._operators[connection.fileno()] = operator
        self._selector.register(connection, selectors.EVENT_READ)

    def _serve(self, operator: _Operator) -> None:
        try:
            if operator.output:
                self._flush(operator)
                return
            data = operator.socket.recv(_PIECE)
            if not data:
                self._drop(operator)
                return
            operator.quiet_since = time.monotonic()
            bodies = operator.frames.feed(data)
        except (OSError, ChatError):
            self._drop(operator)
            return
        if len(bodies) > 1 or (bodies and operator.frames.waiting):
            self._drop(operator)  # one request at a time
        elif bodies:
            self._ask(operator, bodies[0])

    def _ask(self, operator: _Operator, body: bytes) -> None:
        request = 0
        try:
            command = a.decode_command(body)
            request = command.id
            tag = self._next_tag
            self._next_tag += 1
            pending = _Pending(operator, command, time.monotonic() + CONTROL_ANSWER_SECONDS)
            if isinstance(command, a.WritingCommand):
                pending.entry = entry_of(command, now_ms(), operator.name)
                LOG.info("operator %s: %s", operator.name, describe(command))
            operator.is_waiting = True
            self._watch(operator)
            self._pending[tag] = pending
            if pending.entry is not None:
                self._server.core.administer(Administration(pending.entry, self._answers, tag))
            else:
                self._server.core.ask_sessions(AskSessions(self._answers, tag))
        except ChatError as error:
            self._say(operator, request, error)

    def _take_answer(self, answer: Sessions | AdministrationOutcome, reader: StoreReader) -> None:
        pending = self._pending.get(answer.tag)
        if pending is None:
            return  # it came too late
        if isinstance(answer, Sessions):
            pending.answers.append(answer)
            if len(pending.answers) < self._server.core.io_threads:
                return
        del self._pending[answer.tag]
        self._say(pending.operator, pending.command.id, self._result(pending, answer, reader))

    def _result(
        self, pending: _Pending, answer: Sessions | AdministrationOutcome, reader: StoreReader
    ) -> a.AdministrationReply | ChatError:
        command = pending.command
        try:
            if isinstance(answer, AdministrationOutcome):
                if pending.entry is None or not isinstance(command, a.WritingCommand):
                    raise InternalError
                return reply_of(command, pending.entry, answer.outcome)
            sessions = gather(pending.answers)
            if isinstance(command, a.ReadingCommand):
                return look_up(command, reader, sessions.online, now_ms())
            if isinstance(command, a.LiveCommand):
                return self._server.operations.answer(command, sessions, reader)
            raise InternalError
        except ChatError as error:
            return error
        except Exception:
            # Whatever it is, it says nothing about the next request; the operator is told, and the log has the rest.
            LOG.exception("an operator's request broke: %r", command)
            return InternalError()

    # --- answers -----------------------------------------------------------------------------------------

    def _say(self, operator: _Operator, request: int, reply: a.AdministrationReply | ChatError) -> None:
        if isinstance(reply, ChatError):
            reply = _failure(request, reply)
        if operator.socket.fileno() < 0:
            return  # it has gone meanwhile
        operator.is_waiting = False
        operator.output = a.encode(reply)
        operator.quiet_since = time.monotonic()
        with contextlib.suppress(OSError):
            self._flush(operator)
            return
        self._drop(operator)

    def _flush(self, operator: _Operator) -> None:
        with contextlib.suppress(BlockingIOError):
            sent = operator.socket.send(operator.output)
            operator.output = operator.output[sent:]
        self._watch(operator)

    def _watch(self, operator: _Operator) -> None:
        """Writable while something is to be said; readable while nothing is being decided, for who waits is silent."""
        events = selectors.EVENT_WRITE if operator.output else selectors.EVENT_READ
        known = self._selector.get_map().get(operator.socket)
        if operator.is_waiting:
            if known is not None:
                self._selector.unregister(operator.socket)
        elif known is None:
            self._selector.register(operator.socket, events)
        else:
            self._selector.modify(operator.socket, events)

    def _drop(self, operator: _Operator) -> None:
        descriptor = operator.socket.fileno()
        if descriptor < 0:
            return
        if operator.socket in self._selector.get_map():
            self._selector.unregister(operator.socket)
        self._operators.pop(descriptor, None)
        operator.socket.close()

    def _close(self) -> None:
        for operator in list(self._operators.values()):
            self._drop(operator)
        self._selector.close()
        self._listener.close()
        self._answers.close()
        self._orders.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def _turn_away(connection: socket.socket, error: ChatError) -> None:
    """Say why, as far as that goes at once, and close."""
    with contextlib.suppress(OSError):
        connection.send(a.encode(_failure(0, error)))
    connection.close()


def _failure(request: int, error: ChatError) -> Failure:
    return Failure(request, error.code, error.sentence, error.next_step, error.retry_after)


NOBODY: Final = Gathered(0, frozenset(), frozenset())


def gather(answers: list[Sessions]) -> Gathered:
    """One picture from what each I/O thread said."""
    sessions = [row.session for answer in answers for row in answer.sessions]
    return Gathered(
        connections=sum(answer.connections for answer in answers),
        devices=frozenset((session.account, session.device) for session in sessions),
        accounts=frozenset(session.account for session in sessions),
    )


def describe(command: a.WritingCommand) -> str:
    """A command for the log: its kind and whom it is about, no token."""
    name = getattr(command, "name", "")
    number = getattr(command, "invite", "")
    return f"{type(command).__name__} {name}{number}".rstrip()


def now_ms() -> int:
    """The system's clock, milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000
