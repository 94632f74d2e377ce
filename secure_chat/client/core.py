"""The client without a screen: calls in, events out, one network thread behind it.

Every screen and every one-shot command stands on this. Calls return at once with a ticket; what becomes of them comes
through `events`, in one order. Rooms are named with or without # in calls, without it in events.
"""

import itertools
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from secure_chat.client.backoff import Backoff, BackoffLimits
from secure_chat.client.direct.direct import EVERYBODY, Direct
from secure_chat.client.events import Failed, Ticket
from secure_chat.client.inbox import EventQueue
from secure_chat.client.network import Network
from secure_chat.client.outbox import RUN_ID_BYTES
from secure_chat.client.passphrase_change import PassphraseChange
from secure_chat.client.persistence import Persistence
from secure_chat.client.server_identity import ServerIdentity
from secure_chat.client.session import SessionFacts, Snapshot
from secure_chat.client.vault import login_state, places
from secure_chat.client.vault.vault import Vault
from secure_chat.client.vault.wraps import DEFAULT_COST, Cost
from secure_chat.errors import ChatError, MessageEmpty, MessageTooLong
from secure_chat.limits import LEAVE_SECONDS, MAX_TEXT_BYTES
from secure_chat.names import room_name, user_name


@dataclass(frozen=True, slots=True)
class Options:
    """How a client behaves. The defaults are a screen's."""

    attend: bool = True  # follow the rooms, or only answer calls
    persistence: Persistence = field(default_factory=Persistence)
    backoff: BackoffLimits = field(default_factory=BackoffLimits)
    cost: Cost = DEFAULT_COST  # of a new passphrase's wraps


class Client:
    """One account, logged in from an open vault. Hold it in a `with` block, inside that of the vault."""

    def __init__(self, vault: Vault, passphrase: str | None = None, options: Options = Options()) -> None:
        """Nothing happens before `start`. `passphrase`: the one that opened the vault, used if there is no token."""
        account = login_state.account(vault)
        self.vault = vault
        self._options = options
        self._tickets = itertools.count(1)
        self._workers: list[threading.Thread] = []
        self._network = Network(
            vault,
            SessionFacts(
                server=ServerIdentity.of_account(account).title,
                name=account.name,
                markers=places.read_markers(vault),
                attend=options.attend,
                run_id=os.urandom(RUN_ID_BYTES),
                now_ms=lambda: time.time_ns() // 1_000_000,
            ),
            passphrase=passphrase,
            persistence=options.persistence,
            backoff=Backoff(options.backoff),
        )
        # A daemon: the system's search for a host's address cannot be interrupted, and who quits does not wait for it.
        self._thread = threading.Thread(target=self._network.run, name="client-network", daemon=True)

    # --- life ------------------------------------------------------------------------------------

    @property
    def events(self) -> EventQueue:
        """Everything that happens, in order; `Stopped` is the last."""
        return self._network.events

    @property
    def snapshot(self) -> Snapshot:
        """How things are at the moment; from any thread."""
        return self._network.snapshot

    def start(self) -> None:
        """Connect and log in, in a thread of its own."""
        self._thread.start()

    def close(self, within: float = LEAVE_SECONDS) -> None:
        """Leave, and wait at most `within` seconds for the goodbye. Events that nobody took stay in `events`."""
        until = time.monotonic() + within
        self._network.call(self._network.leave)
        for thread in (self._thread, *self._workers):
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))
        if not self._thread.is_alive():
            self._network.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- lines -----------------------------------------------------------------------------------

    def post(self, room: str, text: str, *, action: bool = False) -> Ticket:
        """Say something in a room, or wait to say it: `LineAccepted` or `LineRefused` follows.

        Raises `RoomNameInvalid` and `MessageTooLong` at once, when nothing was taken.
        """
        name = room_name(room)
        _check_size(text)
        ticket = self._ticket()
        self._network.call(lambda: self._network.session.post(ticket, name, text, action))
        return ticket

    # --- calls, answered by `Answered` or `Failed` -----------------------------------------------

    def set_topic(self, room: str, text: str) -> Ticket:
        """Change a room's topic; an empty text clears it."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.set_topic(ticket, name, text))
        return ticket

    def kick(self, room: str, name: str, reason: str = "") -> Ticket:
        """End somebody's membership (administrators)."""
        ticket, of_room = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.kick(ticket, of_room, name, reason))
        return ticket

    def join_room(self, room: str) -> Ticket:
        """Become a member: `RoomEntered` comes first."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.join_room(ticket, name))
        return ticket

    def create_room(self, room: str) -> Ticket:
        """Make a room and be in it: `RoomEntered` comes first."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.create_room(ticket, name))
        return ticket

    def leave_room(self, room: str) -> Ticket:
        """End the own membership: `RoomLost` comes first."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.leave_room(ticket, name))
        return ticket

    def history(self, room: str, before: int | None = None, count: int = 50) -> Ticket:
        """At most `count` events before number `before`, or the newest: `HistoryFound`."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.history(ticket, name, before, count))
        return ticket

    def search(self, words: str, room: str = "", sender: str = "", since: int = 0, before: int = 0) -> Ticket:
        """Messages with all these words, newest first: `MessagesFound`. `before`: the `next` of the page before."""
        ticket, name = self._ticket(), room_name(room) if room else ""
        self._network.call(lambda: self._network.session.search(ticket, words, name, sender, since, before))
        return ticket

    def list_rooms(self, pattern: str = "", after: str = "") -> Ticket:
        """A page of all rooms whose names hold `pattern`: `RoomsFound`."""
        ticket = self._ticket()
        self._network.call(lambda: self._network.session.list_rooms(ticket, pattern.removeprefix("#"), after))
        return ticket

    def list_users(self, after: str = "") -> Ticket:
        """A page of who is online: `PeopleFound`."""
        ticket = self._ticket()
        self._network.call(lambda: self._network.session.list_users(ticket, after))
        return ticket

    def list_members(self, room: str, after: str = "") -> Ticket:
        """A page of a room's members: `PeopleFound`."""
        ticket, name = self._ticket(), room_name(room)
        self._network.call(lambda: self._network.session.list_members(ticket, name, after))
        return ticket

    def status(self) -> Ticket:
        """How things are, a round trip included: `Status`."""
        ticket = self._ticket()
        self._network.call(lambda: self._network.status(ticket))
        return ticket

    def change_passphrase(self, old: str, new: str) -> Ticket:
        """Another passphrase for the vault and the account; some seconds of work in a thread of its own."""
        ticket = self._ticket()

        def work() -> None:
            try:
                change = PassphraseChange.begin(ticket, self.vault, old, new, self._options.cost)
            except ChatError as error:
                self.events.put(Failed(ticket, error))
            else:
                self._network.call(lambda: self._network.change_passphrase(change))

        worker = threading.Thread(target=work, name="client-passphrase", daemon=True)
        self._workers.append(worker)
        worker.start()
        return ticket

    def log_out(self) -> Ticket:
        """End the session and its token; the thread ends once the server has answered."""
        ticket = self._ticket()
        self._network.call(lambda: self._network.log_out(ticket))
        return ticket

    # --- direct messages -------------------------------------------------------------------------

    def message(self, user: str, text: str) -> Ticket:
        """Say something to one person; it is in the vault before anything else happens.

        `DirectAccepted`, `DirectHeld` or `DirectRefused` follows. Raises `NameInvalid`, `MessageEmpty` and
        `MessageTooLong` at once, when nothing was taken.
        """
        name = user_name(user)
        _check_text(text)
        return self._direct(lambda ticket, direct: direct.message(ticket, name, text))

    def trust(self, user: str, fingerprint: bytes = b"") -> Ticket:
        """Accept the key that this person shows now, and send what was held.

        `fingerprint`: of the key that the person at the screen was shown; fails if it is another one meanwhile.
        """
        name = user_name(user)
        return self._direct(lambda ticket, direct: direct.trust(ticket, name, fingerprint))

    def discard(self, user: str = "") -> Ticket:
        """Drop what is held for a person, or for everybody."""
        name = user_name(user) if user else ""
        return self._direct(lambda ticket, direct: direct.discard(ticket, name))

    def look_up(self, user: str) -> Ticket:
        """Whether the server knows somebody of that name; nothing is kept. Fails with `UserUnknown`, `UserDisabled`."""
        name = user_name(user)
        return self._direct(lambda ticket, direct: direct.look_up(ticket, name))

    def compare(self, user: str) -> Ticket:
        """What two people compare: `SafetyNumber`. Of somebody unknown the key is fetched and pinned first."""
        name = user_name(user)
        return self._direct(lambda ticket, direct: direct.compare(ticket, name))

    def mark_verified(self, user: str, digits: str) -> Ticket:
        """The number that was compared, as shown: this person's key is the right one. Fails if it is another by now."""
        name = user_name(user)
        return self._direct(lambda ticket, direct: direct.mark_verified(ticket, name, digits))

    def reset_session(self, user: str) -> Ticket:
        """Begin new sessions with a person, or with "all", who is nobody's name."""
        name = user if user == EVERYBODY else user_name(user)
        return self._direct(lambda ticket, direct: direct.reset_session(ticket, name))

    def conversation(self, user: str, before: int | None = None, count: int = 50) -> Ticket:
        """At most `count` rows before row `before`, or the newest, from the vault: `ConversationFound`."""
        name = user_name(user)
        return self._direct(lambda ticket, direct: direct.conversation(ticket, name, before, count))

    def search_conversations(self, words: str, user: str = "", since: int = 0, before: int = 0) -> Ticket:
        """Direct messages with all these words, newest first: `DirectsFound`. `before`: `next` of the page before."""
        name = user_name(user) if user else ""
        return self._direct(lambda ticket, direct: direct.search(ticket, words, name, since, before))

    def contacts(self) -> Ticket:
        """Everybody whose key is pinned: `ContactsFound`."""
        return self._direct(lambda ticket, direct: direct.contacts(ticket))

    def invite(self) -> Ticket:
        """A link by which somebody joins and is verified from the start: `InviteReady`."""
        return self._direct(lambda ticket, direct: direct.invite(ticket))

    def mark_conversation_read(self, user: str, row: int) -> None:
        """The person has seen this conversation up to this row; kept for the next start."""
        name = user_name(user)
        self._network.call(lambda: self._network.direct.mark_read(name, row))

    def _direct(self, call: Callable[[Ticket, Direct], None]) -> Ticket:
        ticket = self._ticket()
        self._network.call(lambda: call(ticket, self._network.direct))
        return ticket

    # --- orders, answered by nothing -------------------------------------------------------------

    def reconnect(self) -> None:
        """Connect now instead of waiting."""
        self._network.call(self._network.reconnect)

    def give_passphrase(self, passphrase: str) -> None:
        """Answer `PassphraseNeeded`."""
        self._network.call(lambda: self._network.give_passphrase(passphrase))

    def mark_read(self, room: str, number: int) -> None:
        """The person has seen this room up to this number; kept for the next start."""
        name = room_name(room)
        self._network.call(lambda: self._network.mark_read(name, number))

    def _ticket(self) -> Ticket:
        return Ticket(next(self._tickets))


def _check_size(text: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise MessageTooLong(f"{size:,} bytes, the limit is {MAX_TEXT_BYTES:,}. Nothing was sent.")


def _check_text(text: str) -> None:
    _check_size(text)
    if not text.strip():
        raise MessageEmpty("There is nothing to send in this message.")
