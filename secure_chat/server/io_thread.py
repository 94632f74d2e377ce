"""An I/O thread: one selector, the connections it owns, and the order of a turn."""

import itertools
import logging
import random
import time
from dataclasses import dataclass, field
from typing import Final

from secure_chat import limits
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import ServerClosing
from secure_chat.protocol.states import State
from secure_chat.server.applying import Applying
from secure_chat.server.closing import Closing
from secure_chat.server.connection import Connection, Phase
from secure_chat.server.connections import Connections
from secure_chat.server.credits import Backlog, CreditLimits, Credits
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.expiry import Expiry
from secure_chat.server.handshakes import Handshakes
from secure_chat.server.inbox import Inbox
from secure_chat.server.items import (
    Announcement,
    Answer,
    AskSessions,
    ConnectedSession,
    Disconnected,
    Finished,
    NewConnection,
    Origin,
    SayGoodbye,
    Sessions,
    StopReading,
    SupervisorItem,
)
from secure_chat.server.journal_inbox import JournalInbox
from secure_chat.server.mailboxes import Mailboxes
from secure_chat.server.poller import BROKEN, READABLE, WRITABLE, make_poller
from secure_chat.server.reading import Reading
from secure_chat.server.requests import Requests
from secure_chat.server.ring import Rings
from secure_chat.server.services import IoItem, Live, Services
from secure_chat.server.tls_channel import TlsMemory
from secure_chat.server.watchdog import Heartbeat
from secure_chat.server.writing import Writing

logger: Final = logging.getLogger(__name__)

_DISCARDING: Final = Phase.DISCARDING  # to look a member up in its Enum costs as much as a call
READING_PART: Final = 0.5  # of a turn's budget: until then sockets are read
WAITING_PART: Final = 0.625  # until then frames that had to wait are dealt with
HANDSHAKES_PART: Final = 0.75  # until then handshakes go on; `DELIVERY_SECONDS` is the last quarter
STARVED_PATIENCE_SECONDS: Final = 0.25  # until those who wait for credit are told that the server is busy


@dataclass(frozen=True, slots=True)
class IoConfiguration:
    """What all I/O threads have in common."""

    io_threads: int = 1
    durations: Durations = field(default_factory=Durations)
    credit_limits: CreditLimits = field(default_factory=CreditLimits)
    rings_bytes: int = limits.MAX_ALL_RINGS_BYTES  # of all threads together
    partial_frames_bytes: int = limits.MAX_PARTIAL_FRAMES_BYTES  # the same


class IoThread:
    """Owns its connections: their TLS, reads, writes and closes happen here and nowhere else."""

    def __init__(
        self,
        number: int,
        configuration: IoConfiguration,
        live: Live,
        services: Services,
        inbox: Inbox[IoItem],
        journal: JournalInbox,
        supervisor: Inbox[SupervisorItem],
        heartbeat: Heartbeat,
    ) -> None:
        self.number = number
        self.name = f"io-{number}"
        self._configuration = configuration
        self._services = services
        self._inbox = inbox
        self._journal = journal
        self._supervisor = supervisor
        self._heartbeat = heartbeat
        self._serials = itertools.count(1)
        self._poller = make_poller()
        self._poller.register(inbox.fileno(), READABLE)
        self._left_over: dict[int, int] = {}  # events of the turn before that its budget cut off
        self._reads = True  # until the server stops
        self._goodbye: SayGoodbye | None = None  # to be said once everybody who keeps up has everything
        self._goodbye_at = 0.0  # ... or at this time
        self._ends_at: float | None = None  # when the thread ends, whoever is still connected

        memory, scratch = TlsMemory(), memoryview(bytearray(limits.MAX_INPUT_BYTES))
        threads, durations = configuration.io_threads, configuration.durations
        self._connections = Connections(self._poller)
        self._credits = Credits(configuration.credit_limits)
        self._backlog = Backlog(threads)
        writing = self._writing = Writing(self._connections, memory, durations)
        delivery = self._delivery = Delivery(writing, Rings(configuration.rings_bytes // threads))
        closing = self._closing = Closing(self._connections, writing, delivery, durations, scratch)
        mailboxes = self._mailboxes = Mailboxes(self._connections, delivery, services.reader, threads)
        self._requests = Requests(live, services, self._credits, delivery, mailboxes, closing)
        self._reading = Reading(
            self._connections,
            memory,
            scratch,
            writing,
            delivery,
            closing,
            self._requests,
            durations,
            configuration.partial_frames_bytes // threads,
        )
        self._handshakes = Handshakes(self._connections, memory, scratch, live.tls, self._reading.greet)
        self._expiry = Expiry(self._connections, delivery, closing, durations)
        self._applying = Applying(
            *(self._connections, delivery, mailboxes, closing),
            *(self._requests, self._credits, self._backlog, durations),
        )

    def run(self) -> None:
        """Until it has said goodbye."""
        try:
            while not self._has_ended():
                self._turn()
        finally:
            for connection in list(self._connections.by_serial.values()):
                connection.socket.close()
            self._abandon()
            self._poller.close()
        self._supervisor.put(Finished(self.name, "ended"))

    # --- a turn ------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._heartbeat.rests()
        events = self._poller.poll(self._patience())
        self._heartbeat.turns()
        now = time.monotonic()
        credit = False
        if self._left_over:
            events = list((self._left_over | dict(events)).items())
            self._left_over = {}
        bell = self._inbox.fileno()
        if any(descriptor == bell for descriptor, _ in events):
            credit = self._apply(now)
        wait = self._backlog.wait(now)
        self._requests.busy = wait > self._configuration.durations.busy
        # Established connections first; yet each of the others has a part of the turn that nobody takes from it.
        self._serve(events, now, now + READING_PART * limits.TURN_SECONDS)
        if self._reads:
            until = now + WAITING_PART * limits.TURN_SECONDS
            self._reading.go_on(now, until, time.monotonic, credit or self._requests.busy)
        self._submit(now)
        self._handshakes.advance(now, now + HANDSHAKES_PART * limits.TURN_SECONDS, time.monotonic)
        self._delivery.deliver(now)
        self._mailboxes.go_on(now)
        self._expiry.look(now)
        if self._goodbye is not None:
            self._say_goodbye(self._goodbye, now)
        if self._connections.lost:
            self._bury(now)

    def _patience(self) -> float | None:
        """How long nothing needs to be done unless something happens."""
        if self._delivery.has_work or self._handshakes.has_work or self._left_over:
            return 0.0
        if self._reads and self._reading.has_work:
            return 0.0
        now = time.monotonic()
        wait = self._connections.wheel.seconds_until_due(now)
        if self._ends_at is not None:
            until_end = max(0.0, (self._ends_at if self._goodbye is None else self._goodbye_at) - now)
            wait = until_end if wait is None else min(wait, until_end)
        if self._mailboxes.retry_at is not None:
            until_retry = max(0.0, self._mailboxes.retry_at - now)
            wait = until_retry if wait is None else min(wait, until_retry)
        if self._reading.starved:
            wait = STARVED_PATIENCE_SECONDS if wait is None else min(wait, STARVED_PATIENCE_SECONDS)
        return wait

    def _serve(self, events: list[tuple[int, int]], now: float, until: float) -> None:
        """Established connections; handshakes only note that they want a step, which comes after."""
        by_descriptor, reading = self._connections.by_descriptor, self._reading
        for served, (descriptor, event) in enumerate(events):
            connection = by_descriptor.get(descriptor)
            if connection is None or connection.gone:
                continue
            if not connection.established:
                self._handshakes.readable(connection)
                continue
            if event & WRITABLE:
                self._writable(connection, now)
            if event & ~WRITABLE:
                if connection.closing is _DISCARDING:
                    self._closing.discard(connection)
                elif connection.interest & READABLE:
                    reading.readable(connection, now)
                elif event & BROKEN:
                    self._connections.lose(connection, "cut off")
                if time.monotonic() > until:
                    self._left_over = dict(events[served + 1 :])
                    return

    def _writable(self, connection: Connection, now: float) -> None:
        if self._writing.writable(connection, now):
            if connection.closing is not None:
                self._closing.advance(connection, now)
            else:
                self._delivery.queue(connection)

    def _submit(self, now: float) -> None:
        """One put for all that this turn has decided."""
        submissions, disconnected = self._requests.submissions, self._applying.disconnected
        if submissions or disconnected:
            self._requests.submissions, self._applying.disconnected = [], []
            self._journal.put(self.number, submissions, disconnected)
            if submissions:
                self._backlog.put(now, len(submissions))

    # --- items -------------------------------------------------------------------------------------

    def _apply(self, now: float) -> bool:
        """One snapshot of the inbox; tells whether credits may have come back."""
        credit = False
        for item in self._inbox.take():
            match item:
                case Announcement():
                    self._applying.announcement(item, now)
                    credit = True
                case Answer():
                    self._applying.answer(item, now)
                    credit = True
                case NewConnection():
                    self._open(item, now)
                case AskSessions():
                    item.reply_to.put(self._sessions(item.tag))
                case Live():
                    self._requests.reload(item)
                    self._handshakes.identity = item.tls
                case StopReading():
                    self._stop_reading()
                case SayGoodbye():
                    self._goodbye = item
                    self._goodbye_at, self._ends_at = now + item.within / 2, now + item.within
        return credit

    def _open(self, new: NewConnection, now: float) -> None:
        if not self._reads:
            new.socket.close()
            return
        connection = Connection(Origin(self.number, next(self._serials)), new.socket, new.address, now)
        self._connections.add(connection)
        self._connections.watch(connection, now + self._configuration.durations.handshake)
        self._handshakes.admit(connection)

    def _sessions(self, tag: int) -> Sessions:
        rows = tuple(
            ConnectedSession(connection.session, connection.address, connection.since)
            for connection in self._connections.by_serial.values()
            if connection.session is not None
        )
        return Sessions(tag, self.number, len(self._connections.by_serial), rows)

    def _bury(self, now: float) -> None:
        """The lost: everything forgets them, then their sockets are closed."""
        while self._connections.lost:
            lost, self._connections.lost = self._connections.lost, []
            for connection, reason in lost:
                self._handshakes.forget(connection)
                self._delivery.close(connection)
                self._reading.forget(connection)
                self._credits.forget_reads(connection)
                if connection.state is State.AUTHENTICATING:
                    self._services.pool.forget(connection.origin)
                session = connection.session
                if session is not None:
                    gone = Disconnected(connection.serial, session.account, session.device)
                    self._applying.disconnected.append(gone)
                    logger.info("%s has left (%s)", session.name, reason)
                else:
                    level = logging.INFO if connection.established else logging.DEBUG  # a flood must not fill the log
                    logger.log(level, "%s has left without a login (%s)", connection.address, reason)
                self._connections.remove(connection)
                connection.socket.close()
        self._submit(now)

    # --- the end -----------------------------------------------------------------------------------

    def _stop_reading(self) -> None:
        self._reads = False
        for connection in self._connections.by_serial.values():
            if connection.established and connection.closing is None:
                self._connections.read(connection, False)
            elif not connection.established:
                self._connections.lose(connection, "the server stops")
        self._supervisor.put(Finished(self.name, "reading stopped"))

    def _say_goodbye(self, goodbye: SayGoodbye, now: float) -> None:
        if self._delivery.has_work and now < self._goodbye_at:
            return
        self._goodbye = None
        for connection in list(self._connections.by_serial.values()):
            jitter = 1 + random.SystemRandom().random()
            frame = encode(ServerClosing(round(goodbye.retry_after * jitter, 1)))
            self._closing.begin(connection, frame, "the server stops", now)

    def _has_ended(self) -> bool:
        if self._ends_at is None:
            return False
        return not self._connections.by_serial or time.monotonic() >= self._ends_at

    def _abandon(self) -> None:
        for item in self._inbox.abandon():
            if isinstance(item, NewConnection):
                item.socket.close()
