"""The direct messages of one account: calls of a screen in, commands and events out; everything through the vault.

It lives on the network thread, which tells it of connections and hands it what the server says. ARCHITECTURE.md has
the way of one direct message.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Final

from secure_chat.client.direct import conversations, waiting
from secure_chat.client.direct.contacts import verify_by_invite
from secure_chat.client.direct.decisions import Decisions
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.dropping import drop_all_sessions
from secure_chat.client.direct.duties import Duties
from secure_chat.client.direct.events import (
    ContactsFound,
    ContactSnapshot,
    ContactVerified,
    ConversationFound,
    DirectRefused,
    DirectsFound,
    Trust,
)
from secure_chat.client.direct.lookups import Lookups
from secure_chat.client.direct.mailbox import Mailbox
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.own_keys import OwnKeys
from secure_chat.client.direct.receiving import Receiver
from secure_chat.client.direct.sender import Sender
from secure_chat.client.direct.tidying import Tidying
from secure_chat.client.events import Answer, Answered, Event, Failed, Settled, Ticket
from secure_chat.client.requests import Requests
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.errors import ChatError, NotConnected, RecipientSelf, VaultFull
from secure_chat.protocol.commands import Command
from secure_chat.protocol.events import DirectEnvelope, Said, Welcome

EVERYBODY: Final = "all"  # in place of a name; nobody can have it


class Direct:
    """What the network thread owns for direct messages; survives its connections."""

    def __init__(
        self,
        vault: Vault,
        tell: Callable[[Event], None],
        now_ms: Callable[[], int],
        clock: Callable[[], float],
        random: Randomness = os.urandom,
    ) -> None:
        """`now_ms`: milliseconds since 1970 UTC; `clock`: seconds, as of `commands` and `next_time`."""
        self._tell = tell
        self._now_ms = now_ms
        self._clock = clock
        self._connected = False
        self._snapshots: dict[str, ContactSnapshot] = {}
        self._requests = Requests()
        self._contradicted: set[str] = set()  # names whose pinned key an invite has contradicted just now
        self._office = office = Office(vault, self._tell_and_look)
        office.done = self._done
        self.own = own = Own.of_vault(vault)
        requests = self._requests
        self._keys = OwnKeys(
            vault,
            requests,
            self._tell_and_look,
            self._verify_by_invite,
            self._drop_sessions,
            random=random,
            now_ms=now_ms,
        )
        self._sender = Sender(office, requests, own, random, now_ms, clock)
        receiver = Receiver(own, self._keys.prekeys, now_ms)
        self._seen = receiver.seen
        self._mailbox = Mailbox(office, requests, own, receiver, now_ms, clock)
        self._mailbox.lists_changed = self._sender.advance_all
        self._duties = Duties(office, self._sender, now_ms)
        self._tidying = Tidying(office, receiver.seen, now_ms, clock)
        self._lookups = Lookups(office, requests, own, now_ms)
        self._decisions = Decisions(office, self._sender, own, now_ms)
        with office.desk() as desk:
            desk.touched = {contact.name for contact in desk.all_contacts()}

    # --- connections -----------------------------------------------------------------------------

    def connected(self, welcome: Welcome) -> None:
        """Logged in on a new connection."""
        self._connected = True
        self._keys.connected(welcome)
        self._mailbox.connected(welcome.time)
        self._decisions.tell_changed_keys()
        self._duties.connected()
        self._sender.connected()

    def disconnected(self) -> None:
        """The connection is gone; the next one goes on from the vault."""
        self._connected = False
        self._requests.disconnected()
        self._keys.disconnected()
        self._mailbox.disconnected()
        self._duties.disconnected()
        self._sender.disconnected()

    def commands(self, now: float, next_id: Callable[[], int]) -> Iterator[Command]:
        """What is to be sent now."""
        return self._requests.due(now, next_id)

    def said(self, said: Said) -> bool:
        """Take one thing that the server said. False: it is for somebody else."""
        if isinstance(said, DirectEnvelope):
            self._mailbox.heard(said)
            return True
        return self._requests.reply(said, self._clock()) or self._keys.said(said)

    def turn(self) -> None:
        """After everything that has come was handed over: open it, say what is on the disk, do what is due."""
        self._mailbox.turn()
        self._duties.turn()
        self._sender.turn()
        self._keys.turn(self._clock())
        if self._contradicted:
            names, self._contradicted = self._contradicted, set()
            self._decisions.tell_changed(names)
        self._tidying.turn()

    def next_time(self) -> float | None:
        """When there is something to do without the server's saying anything."""
        due_ms = self._duties.next_time_ms()
        times = [
            self._requests.next_time(),
            self._mailbox.next_time(),
            None if due_ms is None else self._clock() + max(0.0, (due_ms - self._now_ms()) / 1000),
            self._sender.next_time(),
            self._keys.next_time(),
            self._tidying.next_time(),
        ]
        return min((time for time in times if time is not None), default=None)

    @property
    def is_settled(self) -> bool:
        """Whether all that the server has pushed so far is opened, and it knows so."""
        due = self._requests.next_time()
        asks = self._requests.unanswered or (due is not None and due <= self._clock())
        return not asks and not self._mailbox.has_unopened

    @property
    def snapshot(self) -> tuple[ContactSnapshot, ...]:
        """Everybody pinned, in order of their names."""
        return tuple(self._snapshots[name] for name in sorted(self._snapshots))

    def kept(self) -> tuple[Ticket, ...]:
        """The messages of this run that wait in the vault."""
        return self._sender.kept()

    # --- calls of a screen -----------------------------------------------------------------------

    def message(self, ticket: Ticket, name: str, text: str) -> None:
        """Say something to somebody."""
        if name == self.own.name:
            self._tell(DirectRefused(ticket, name, RecipientSelf(), text))
        else:
            self._sender.message(ticket, name, text)

    def trust(self, ticket: Ticket, name: str, fingerprint: bytes) -> None:
        """Accept the key that is shown; with a connection, only if it is still the one that the server shows."""
        with self._answering(ticket):
            seen = fingerprint or self._decisions.fingerprint_shown(name)
            self._after_a_look(ticket, name, lambda: self._decisions.trust(name, seen))

    def discard(self, ticket: Ticket, name: str) -> None:
        """Drop what is held for somebody, or (empty) for everybody."""
        with self._answering(ticket):
            self._decisions.discard(name)
            self._answer(ticket, Settled())

    def compare(self, ticket: Ticket, name: str) -> None:
        """What two people compare."""
        with self._answering(ticket):
            if self._decisions.knows(name):
                self._answer(ticket, self._decisions.safety_number(name))
            elif not self._connected:
                raise NotConnected
            else:
                self._after_a_look(ticket, name, lambda: self._decisions.safety_number(name))

    def look_up(self, ticket: Ticket, name: str) -> None:
        """Whether there is somebody of that name."""

        def looked(error: ChatError | None) -> None:
            self._tell(Answered(ticket, Settled()) if error is None else Failed(ticket, error))

        if self._connected:
            self._lookups.is_there(name, looked)
        else:
            looked(NotConnected())

    def mark_verified(self, ticket: Ticket, name: str, digits: str) -> None:
        """These digits were compared."""
        with self._answering(ticket):
            self._decisions.mark_verified(name, digits)
            self._answer(ticket, Settled())

    def reset_session(self, ticket: Ticket, name: str) -> None:
        """Open new sessions with somebody; with everybody, after all keys of old ones are destroyed."""
        with self._answering(ticket):
            if name == EVERYBODY:
                self._keys.reset_all()
            else:
                self._decisions.reset_session(name)
            self._answer(ticket, Settled())

    def conversation(self, ticket: Ticket, name: str, before: int | None, count: int) -> None:
        """Rows of a conversation."""
        with self._answering(ticket):
            with self._office.desk() as desk:
                rows, earlier = conversations.page(desk, name, before, count)
                held = waiting.held_texts(desk, name) if before is None else ()
            self._answer(ticket, ConversationFound(name, rows, earlier, held))

    def search(self, ticket: Ticket, words: str, name: str, since: int, before: int) -> None:
        """Messages with these words."""
        with self._answering(ticket):
            with self._office.desk() as desk:
                names = [name] if name else [contact.name for contact in desk.all_contacts()]
                found, following = conversations.search(desk, words, names, since, before)
            self._answer(ticket, DirectsFound(found, following))

    def contacts(self, ticket: Ticket) -> None:
        """Everybody pinned."""
        with self._answering(ticket):
            with self._office.desk() as desk:
                rows = tuple(conversations.summary(desk, contact) for contact in desk.all_contacts())
            self._answer(ticket, ContactsFound(rows))

    def invite(self, ticket: Ticket) -> None:
        """A link by which somebody joins and is verified from the start."""
        self._keys.invite(ticket)

    def mark_read(self, name: str, row: int) -> None:
        """The person has seen the conversation up to this row; on a full disk that is not kept."""
        with contextlib.suppress(VaultFull), self._office.desk() as desk:
            conversations.mark_read(desk, name, row)

    # --- inside ----------------------------------------------------------------------------------

    def _after_a_look(self, ticket: Ticket, name: str, decide: Callable[[], Answer | None]) -> None:
        """With a connection, ask who has the name now; then decide, and answer the call."""

        def looked(error: ChatError | None) -> None:
            with self._answering(ticket):
                if error is not None:
                    raise error
                self._answer(ticket, decide() or Settled())

        if self._connected:
            self._lookups.look(name, looked)
        else:
            looked(None)

    @contextlib.contextmanager
    def _answering(self, ticket: Ticket) -> Iterator[None]:
        """A call whose errors are its answer."""
        try:
            yield
        except ChatError as error:
            self._tell(Failed(ticket, error))

    def _answer(self, ticket: Ticket, answer: Answer) -> None:
        self._tell(Answered(ticket, answer))

    def _drop_sessions(self, transaction: Transaction) -> None:
        desk = Desk(transaction)
        drop_all_sessions(desk, self._now_ms())
        desk.write()
        self._duties.noted(desk)

    def _done(self, desk: Desk) -> None:
        """A transaction has ended: what others must know of it."""
        self._seen.committed(desk)
        self._duties.noted(desk)
        for user_id in desk.wanted_lists:
            self._mailbox.fetch_lists(user_id)
        if desk.touched:
            self._look_at(desk.touched)

    def _verify_by_invite(
        self, transaction: Transaction, name: str, user_id: bytes, identity_key: bytes, now_ms: int
    ) -> Trust:
        trust = verify_by_invite(transaction, name, user_id, identity_key, now_ms)
        if trust is Trust.CHANGED:
            self._contradicted.add(name)  # told once the transaction is on the disk
        return trust

    def _tell_and_look(self, event: Event) -> None:
        self._tell(event)
        if isinstance(event, ContactVerified):
            self._look_at({event.peer})

    def _look_at(self, names: set[str]) -> None:
        with self._office.vault.transaction() as transaction:
            desk = Desk(transaction)
            for name in names:
                contact = desk.contact(name)
                if contact is not None:
                    row = conversations.summary(desk, contact)
                    self._snapshots[name] = ContactSnapshot(name, row.state, row.unread, row.held)
