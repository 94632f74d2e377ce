"""From a readable socket to requests: TLS, frames, and who must wait for his turn or for credit."""

import logging
import secrets
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from secure_chat.errors import Busy, ChatError, TlsAbuse
from secure_chat.limits import (
    MAX_FRAMES_A_TURN,
    MAX_INPUT_BEFORE_LOGIN_BYTES,
    MAX_INPUT_BYTES,
    MAX_PENDING_CIPHERTEXT_BYTES,
    MAX_SILENT_TLS_BYTES,
    MAX_STRANGERS,
    MAX_WAITING_REPLIES_BYTES,
    TURN_SECONDS,
)
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import Hello
from secure_chat.protocol.states import State
from secure_chat.server.closing import Closing
from secure_chat.server.connection import NEVER, Connection, Hold
from secure_chat.server.connections import Connections
from secure_chat.server.deadlines import Durations
from secure_chat.server.delivery import Delivery
from secure_chat.server.requests import Requests
from secure_chat.server.tls_channel import TlsMemory
from secure_chat.server.writing import Writing

logger: Final = logging.getLogger(__name__)

NONCE_BYTES: Final = 32
NOTHING: Final = memoryview(b"")
_CLOSING: Final = State.CLOSING  # to look a member up in its Enum costs as much as a call
CLOCK_EVERY: Final = 4  # frames between two looks at the clock: a text made for it takes milliseconds


class Reading:
    """The input of one I/O thread's connections whose handshake is done."""

    __slots__ = (
        "_clock",
        "_closing",
        "_connections",
        "_delivery",
        "_durations",
        "_memory",
        "_next_turn",
        "_partial_limit",
        "_requests",
        "_scratch",
        "_strangers",
        "_writing",
        "partial_bytes",
        "starved",
    )

    def __init__(
        self,
        connections: Connections,
        memory: TlsMemory,
        scratch: memoryview,
        writing: Writing,
        delivery: Delivery,
        closing: Closing,
        requests: Requests,
        durations: Durations,
        partial_limit: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._memory = memory
        self._scratch = scratch
        self._writing = writing
        self._delivery = delivery
        self._closing = closing
        self._requests = requests
        self._durations = durations
        self._partial_limit = partial_limit  # bytes of unfinished frames of this thread's connections together
        self._clock = clock
        self.partial_bytes = 0
        self._strangers: dict[int, Connection] = {}  # by serial; some have logged in since they were put here
        self._next_turn: deque[Connection] = deque()
        self.starved: deque[Connection] = deque()  # wait for credit, longest ago first

    @property
    def has_work(self) -> bool:
        """Whether somebody's frames wait for the next turn."""
        return bool(self._next_turn or self._delivery.relieved)

    def greet(self, connection: Connection, now: float) -> None:
        """The handshake is done: hello, and whatever came along with the handshake's end."""
        live = self._requests.live
        connection.nonce = secrets.token_bytes(NONCE_BYTES)
        hello = Hello(connection.nonce, live.tls.log_public_key, live.registration, list(live.tls.cross_certificates))
        self._delivery.say(connection, encode(hello))
        logger.info("%s has connected", connection.address)
        connection.state_since = connection.input_at = now
        self._connections.watch(connection, now + self._durations.login)
        self._admit(connection, now)
        self._decrypt(connection, NOTHING, now)

    def _admit(self, connection: Connection, now: float) -> None:
        """One more whom nobody knows yet; a flood of them displaces its own, for who is honest logs in at once."""
        self._strangers[connection.serial] = connection
        if len(self._strangers) > MAX_STRANGERS:
            chosen = next(islice(self._strangers.values(), secrets.randbelow(len(self._strangers)), None))
            del self._strangers[chosen.serial]
            if chosen.state is State.UNAUTHENTICATED:
                self._closing.fail(chosen, Busy(retry_after=self._durations.login), now)

    def readable(self, connection: Connection, now: float) -> None:
        """Take what the socket has, within the limit of a turn."""
        if connection.hold is not None or connection.state is _CLOSING:
            self._connections.read(connection, False)  # it has logged out and waits for the reply
            return
        most = MAX_INPUT_BYTES if connection.session is not None else MAX_INPUT_BEFORE_LOGIN_BYTES
        try:
            size = connection.socket.recv_into(self._scratch, most)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._connections.lose(connection, f"read: {error.strerror}")
            return
        if not size:
            self._connections.lose(connection, "cut off")
            return
        self._decrypt(connection, self._scratch[:size], now)

    def forget(self, connection: Connection) -> None:
        """It is buried."""
        self.partial_bytes -= connection.frames.waiting
        self._strangers.pop(connection.serial, None)

    def go_on(self, now: float, until: float, clock: Callable[[], float], credit: bool) -> None:
        """Whoever had to wait and may go on: after the others' turn, after replies were taken, after credit came."""
        relieved, self._delivery.relieved = self._delivery.relieved, []
        self._next_turn.extend(relieved)
        if credit:
            self._next_turn.extend(self.starved)
            self.starved.clear()
        for _ in range(len(self._next_turn)):
            connection = self._next_turn.popleft()
            if not connection.gone and connection.closing is None:
                self._release(connection, now)
            if clock() > until:
                return

    # --- bytes to frames ---------------------------------------------------------------------------

    def _decrypt(self, connection: Connection, data: memoryview, now: float) -> None:
        channel = connection.channel
        if channel is None:
            return
        try:
            plaintext = channel.decrypt(data)
        except ssl.SSLError as error:
            self._writing.send(connection, channel.ciphertext(), now)  # the alert that says why
            self._memory.clear()
            self._connections.lose(connection, f"TLS: {error.reason}")
            return
        except ChatError as error:
            self._memory.clear()
            self._closing.fail(connection, error, now)
            return
        if answer := channel.ciphertext():
            self._writing.send(connection, answer, now)
            if len(connection.pending) > MAX_PENDING_CIPHERTEXT_BYTES + MAX_SILENT_TLS_BYTES:
                self._closing.fail(connection, TlsAbuse(), now)  # asks for new keys and takes no answer
                return
        if channel.left and self._writing.unblock(connection, now):
            self._delivery.queue(connection)
        if plaintext:
            connection.input_at = now
            connection.pinged_at = NEVER
            self._cut(connection, plaintext[0] if len(plaintext) == 1 else b"".join(plaintext), now)
        if channel.ended:
            self._closing.begin(connection, b"", "left", now)

    def _cut(self, connection: Connection, plaintext: bytes, now: float) -> None:
        frames = connection.frames
        before = frames.waiting
        try:
            bodies = frames.feed(plaintext)
        except ChatError as error:
            self.partial_bytes -= before
            self._closing.fail(connection, error, now)
            return
        waiting = frames.waiting
        if waiting or before:
            self.partial_bytes += waiting - before
            if not waiting:
                connection.frame_since = NEVER
            elif bodies or not before:
                connection.frame_since = now
                self._connections.watch(connection, now + self._durations.frame)
            if waiting and self.partial_bytes > self._partial_limit:
                self._closing.fail(connection, Busy(retry_after=self._durations.frame), now)
                return
        if bodies:
            self._take(connection, bodies, now)

    # --- frames to requests ------------------------------------------------------------------------

    def _take(self, connection: Connection, bodies: Iterable[bytes], now: float) -> bool:
        """Deal with frames in order, until one must wait; from then on the connection is not read.

        Tells whether it is read.
        """
        left = deque(bodies)
        turn, until = MAX_FRAMES_A_TURN, now + TURN_SECONDS
        take = self._requests.take
        while left:
            if connection.direct_bytes > MAX_WAITING_REPLIES_BYTES:
                break
            if not turn or (turn % CLOCK_EVERY == 0 and turn < MAX_FRAMES_A_TURN and self._clock() > until):
                self._hold(connection, left, Hold.TURN)
                self._next_turn.append(connection)
                return False
            if not take(connection, left[0], now):
                self._hold(connection, left, Hold.CREDIT)
                self.starved.append(connection)
                return False
            if connection.state is _CLOSING or connection.gone:
                return False
            left.popleft()
            turn -= 1
        if connection.direct_bytes > MAX_WAITING_REPLIES_BYTES:
            self._hold(connection, left, Hold.REPLIES)
            return False
        return True

    def _hold(self, connection: Connection, left: deque[bytes], why: Hold) -> None:
        connection.waiting = left or None
        connection.hold = why
        self._connections.read(connection, False)

    def _release(self, connection: Connection, now: float) -> None:
        left, connection.waiting, connection.hold = connection.waiting, None, None
        connection.input_at, connection.pinged_at = now, NEVER  # nobody could be heard in the meantime
        if connection.frame_since != NEVER:
            connection.frame_since = now
            self._connections.watch(connection, now + self._durations.frame)
        if self._take(connection, left or (), now):
            self._connections.read(connection, True)
