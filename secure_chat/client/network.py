"""The network thread: connects, logs in, hands over what is said, connects again; it never prints and never asks.

It alone owns the connection and the session. Other threads hand it calls, and it tells events (PROTOCOL.md for what
goes over the wire).
"""

import contextlib
import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from secure_chat.certificates.pins import authority_pin, format_pin, log_pin
from secure_chat.client.backoff import Backoff
from secure_chat.client.channel import Channel
from secure_chat.client.direct.direct import Direct
from secure_chat.client.events import (
    Answered,
    Connected,
    Connecting,
    Countdown,
    Disconnected,
    Failed,
    PassphraseNeeded,
    Status,
    Stopped,
    Ticket,
    Told,
)
from secure_chat.client.inbox import Calls, EventQueue
from secure_chat.client.login import Entrance, LoggedIn
from secure_chat.client.passphrase_change import PassphraseChange
from secure_chat.client.persistence import Next, Persistence
from secure_chat.client.refusals import bounded_wait
from secure_chat.client.requests import Request
from secure_chat.client.session import Session, SessionFacts, Snapshot
from secure_chat.client.vault import login_state, places
from secure_chat.client.vault.vault import Vault
from secure_chat.client.waiting import Waiter
from secure_chat.errors import (
    AuthenticationFailed,
    ChatError,
    ConnectionLost,
    InternalError,
    NotConnected,
    TokenReused,
    TokenUnknown,
    VaultFull,
)
from secure_chat.limits import (
    CLIENT_PING_SECONDS,
    CLIENT_SILENCE_SECONDS,
    READ_MARKER_SECONDS,
    SETTLED_CONNECTION_SECONDS,
)
from secure_chat.protocol.commands import Logout, Ping
from secure_chat.protocol.events import Said, ServerClosing

_LOOK_AGAIN_SECONDS: Final = 1.0  # whether the screen has taken what it was told
_FAR_AWAY: Final = 3600.0  # seconds; somebody wakes the thread before


class Leaving(Exception):
    """Somebody has asked the network thread to end: an order, not an error."""


@dataclass(slots=True)
class _Connection:
    """What is true of the present connection."""

    channel: Channel
    since: float  # on the waiter's clock
    since_ms: int
    asked_for_life: bool = False


class Network:
    """The body of the network thread, and what other threads may have it do: by `call` alone."""

    def __init__(
        self,
        vault: Vault,
        facts: SessionFacts,
        *,
        passphrase: str | None,
        persistence: Persistence,
        backoff: Backoff,
    ) -> None:
        """`passphrase`: the one that opened the vault, kept until the first login."""
        self._waiter = Waiter(on_wake=self._serve_calls)
        self._calls = Calls(self._waiter.wake)
        self.events = EventQueue(self._waiter.wake)
        self.snapshot = Snapshot(facts.server, facts.name)  # replaced as a whole; any thread may read it
        self._vault = vault
        self._facts = facts
        self._passphrase = passphrase
        self._opened_vault = True
        self._persistence = persistence
        self._backoff = backoff
        self._session = Session(facts, self.events.put)
        self._direct = Direct(vault, self.events.put, facts.now_ms, self._waiter.clock)
        self._connection: _Connection | None = None
        self._connected_before = False
        self._alone_since = self._waiter.clock()
        self._asked_to_wait: float | None = None  # seconds, by a server that was about to stop
        self._hurry = False
        self._doubtful: PassphraseChange | None = None
        self._unsaved_markers_since: float | None = None

    # --- from any thread -------------------------------------------------------------------------

    def call(self, call: Callable[[], None]) -> None:
        """Have something done by the network thread."""
        self._calls.put(call)

    @property
    def session(self) -> Session:
        """What calls act on; touched by the network thread only."""
        return self._session

    @property
    def direct(self) -> Direct:
        """What calls about direct messages act on; touched by the network thread only."""
        return self._direct

    # --- calls, run by the network thread --------------------------------------------------------

    def leave(self) -> None:
        """End the thread."""
        raise Leaving

    def reconnect(self) -> None:
        """Connect now."""
        self._hurry = True

    def give_passphrase(self, passphrase: str) -> None:
        """Log in with this one."""
        self._passphrase, self._opened_vault = passphrase, False

    def mark_read(self, room: str, number: int) -> None:
        """The person has seen the room up to this number."""
        if number > self._facts.markers.get(room, 0):
            self._facts.markers[room] = number
            if self._unsaved_markers_since is None:
                self._unsaved_markers_since = self._waiter.clock()

    def change_passphrase(self, change: PassphraseChange) -> None:
        """Tell the server of a change that the vault has taken in."""

        def lost() -> None:
            self._doubtful = change

        if self._connection is None:
            change.abandon(self.events.put, NotConnected())
        else:
            self._session.ask_request(change.request(self.events.put, lost))

    def log_out(self, ticket: Ticket) -> None:
        """End the session on the server and the token here; the thread ends when the server has answered."""

        def logged_out() -> None:
            login_state.forget_tokens(self._vault)
            self.call(self.leave)

        self._session.ask_settled(ticket, Logout, logged_out)

    def status(self, ticket: Ticket) -> None:
        """Measure a round trip and say how things are."""
        connection, begun = self._connection, self._waiter.clock()
        if connection is None:
            self.events.put(Failed(ticket, NotConnected()))
            return

        def answered(_said: Said) -> None:
            self.events.put(Answered(ticket, self._status(connection, self._waiter.clock() - begun)))

        def failed(error: ChatError) -> None:
            self.events.put(Failed(ticket, error))

        self._session.ask_request(Request(Ping, answered, failed, lost=lambda: failed(ConnectionLost())))

    # --- the thread ------------------------------------------------------------------------------

    def run(self) -> None:
        """Live until told to leave, or until nothing can be done any more; `Stopped` is the last event."""
        error: ChatError | None = InternalError("A fault in this program has ended the connection.")
        try:
            self._live()
        except Leaving:
            error = None
        except ChatError as failure:
            error = failure
        finally:
            with contextlib.suppress(ChatError):
                self._save_markers()
            self.events.put(Stopped(error, self._session.unsent(), self._direct.kept()))

    def _live(self) -> None:
        self._serve_calls()
        while True:
            try:
                self._attend(self._enter())
            except ChatError as failure:
                self._pause(failure)

    def close(self) -> None:
        """Let go of the thread's descriptors, once it has ended."""
        self._waiter.close()

    def _serve_calls(self) -> None:
        for call in self._calls.take():
            call()

    # --- getting in ------------------------------------------------------------------------------

    def _enter(self) -> LoggedIn:
        self._hurry = False
        self.events.put(Connecting(self._facts.server))
        entrance = Entrance(self._vault, self._waiter)
        if self._doubtful is not None:
            return self._settle(self._doubtful, entrance)
        settled = self._passphrase is None or not self._vault.change_pending
        resumed = self._resume(entrance) if settled else None
        logged_in = resumed or self._log_in(entrance)
        self._passphrase = None
        return logged_in

    def _settle(self, change: PassphraseChange, entrance: Entrance) -> LoggedIn:
        try:
            logged_in = change.settle(entrance, self.events.put)
        except AuthenticationFailed:
            self._doubtful = None
            raise
        self._doubtful = None
        return logged_in

    def _resume(self, entrance: Entrance) -> LoggedIn | None:
        try:
            return entrance.resume()
        except TokenReused as error:
            self.events.put(Told(error))
            if self._passphrase is None:
                raise
        except TokenUnknown:
            if self._passphrase is None:
                raise
        return None

    def _log_in(self, entrance: Entrance) -> LoggedIn:
        if self._passphrase is None:
            raise TokenUnknown("This device is logged out.")
        try:
            return entrance.by_passphrase(self._passphrase, opened_vault=self._opened_vault)
        except AuthenticationFailed:
            self._passphrase = None
            raise

    # --- being connected -------------------------------------------------------------------------

    def _attend(self, logged_in: LoggedIn) -> None:
        channel = logged_in.channel
        connection = _Connection(channel, self._waiter.clock(), self._facts.now_ms())
        self._connection = connection
        try:
            self._greet(logged_in)
            while True:
                self._turn(connection)
        finally:
            self._connection = None
            self._connected_before = True
            self._alone_since = self._waiter.clock()
            if self._alone_since - connection.since >= SETTLED_CONNECTION_SECONDS:
                self._backoff.reset()
            self._session.disconnected()
            self._direct.disconnected()
            self.snapshot = self._look()
            channel.close()

    def _greet(self, logged_in: LoggedIn) -> None:
        welcome = logged_in.welcome
        self._session.connected(welcome)
        self.snapshot = self._look()  # before anybody is told: a command asks it for the rooms at once
        rooms = tuple(room.room for room in welcome.rooms)
        self.events.put(
            Connected(self._facts.server, welcome.name, welcome.role, logged_in.resumed, self._connected_before, rooms)
        )
        if logged_in.told is not None:
            self.events.put(Told(logged_in.told))
        self._direct.connected(welcome)

    def _turn(self, connection: _Connection) -> None:
        channel, now = connection.channel, self._waiter.clock()
        for source in (self._session, self._direct):
            for command in source.commands(now, channel.request_id):
                channel.send(command)
        if self.events.is_full:
            self._wait_for_the_screen(channel)
        for said in channel.turn(self._next_moment(connection, now)):
            if isinstance(said, ServerClosing):
                self._asked_to_wait = bounded_wait(said.retry_after)
            if not self._direct.said(said):
                self._session.said(said, self._waiter.clock())
        self._direct.turn()
        self.snapshot = self._look()
        self._check_alive(connection)
        self._save_markers_in_time()

    def _next_moment(self, connection: _Connection, now: float) -> float:
        heard_at = connection.channel.heard_at
        moments = [heard_at + CLIENT_PING_SECONDS + (CLIENT_SILENCE_SECONDS if connection.asked_for_life else 0)]
        moments += [due for source in (self._session, self._direct) if (due := source.next_time()) is not None]
        if self._unsaved_markers_since is not None:
            moments.append(self._unsaved_markers_since + READ_MARKER_SECONDS)
        return max(now, min(moments))

    def _wait_for_the_screen(self, channel: Channel) -> None:
        # Not reading is how the server learns: it keeps what it must, and announces a gap for the rest.
        while not self.events.has_room:
            self._waiter.wait(self._waiter.clock() + _LOOK_AGAIN_SECONDS)
        channel.heard_at = self._waiter.clock()

    def _check_alive(self, connection: _Connection) -> None:
        silent = self._waiter.clock() - connection.channel.heard_at
        if silent < CLIENT_PING_SECONDS:
            connection.asked_for_life = False
        elif not connection.asked_for_life:
            connection.asked_for_life = True
            self._session.ask_request(Request(Ping, _ignore, _ignore, lost=_nothing))
        elif silent >= CLIENT_PING_SECONDS + CLIENT_SILENCE_SECONDS:
            raise ConnectionLost("The server has given no sign of life.")

    def _look(self) -> Snapshot:
        return dataclasses.replace(
            self._session.snapshot(), contacts=self._direct.snapshot, mail_is_opened=self._direct.is_settled
        )

    def _status(self, connection: _Connection, round_trip: float) -> Status:
        account = login_state.account(self._vault)
        snapshot = self._session.snapshot()
        return Status(
            server=snapshot.server,
            name=snapshot.name,
            role=snapshot.role,
            authority_pin=format_pin(authority_pin(account.authority)),
            log_pin=format_pin(log_pin(account.log_key)),
            tls=connection.channel.tls_version,
            connected_since=connection.since_ms,
            round_trip=round_trip,
            rooms=tuple(room.room for room in snapshot.rooms),
            waiting=snapshot.waiting,
        )

    # --- between connections ---------------------------------------------------------------------

    def _pause(self, error: ChatError) -> None:
        """Wait for what `error` asks for. Raises it when there is nothing to wait for."""
        match self._persistence.what_next(error, connected_before=self._connected_before):
            case Next.STOP:
                raise error
            case Next.ASK:
                self._passphrase = None
                self.events.put(PassphraseNeeded(error))
                self._wait_until(lambda: self._passphrase is not None)
            case Next.WAIT:
                self.events.put(Disconnected(error, None))
                self._wait_until(lambda: self._hurry)
            case Next.AGAIN:
                self._count_down(error)

    def _count_down(self, error: ChatError) -> None:
        now = self._waiter.clock()
        wait = self._backoff.next_wait(self._asked_to_wait if error.retry_after is None else error.retry_after)
        self._asked_to_wait = None
        if self._persistence.is_used_up(now + wait - self._alone_since):
            raise error
        self.events.put(Disconnected(error, wait))
        while not self._hurry and (left := now + wait - self._waiter.clock()) > 0:
            seconds = math.ceil(left)
            self.events.put(Countdown(seconds))
            self._wait_until(lambda: self._hurry, self._waiter.clock() + left - (seconds - 1))
        self.events.put(Countdown(0))

    def _wait_until(self, happened: Callable[[], bool], latest: float | None = None) -> None:
        while not happened():
            until = self._waiter.clock() + _FAR_AWAY if latest is None else latest
            self._waiter.wait(until)
            self.snapshot = self._look()
            self._save_markers_in_time()
            if latest is not None and self._waiter.clock() >= latest:
                return

    # --- read markers ----------------------------------------------------------------------------

    def _save_markers_in_time(self) -> None:
        since = self._unsaved_markers_since
        if since is not None and self._waiter.clock() >= since + READ_MARKER_SECONDS:
            try:
                self._save_markers()
            except VaultFull:  # nothing is lost but a place: it is kept once there is room
                self._unsaved_markers_since = self._waiter.clock()

    def _save_markers(self) -> None:
        if self._unsaved_markers_since is not None:
            self._unsaved_markers_since = None
            places.keep_read_markers(self._vault, self._facts.markers)


def _ignore(_answer: object) -> None:
    return


def _nothing() -> None:
    return
