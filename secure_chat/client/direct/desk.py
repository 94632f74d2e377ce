"""The rows of one transaction on one's desk: each read once, written once at the end, addressed by what it is about.

A batch of a hundred messages reads and writes a session's row once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from secure_chat.client.direct.records import (
    CONTACTS,
    CONVERSATIONS,
    DIRECT_LEDGER,
    LATE_ENVELOPES,
    MESSAGES,
    OUTGOING,
    PEER_DEVICES,
    PEERS,
    Contact,
    Conversation,
    LateEnvelope,
    Ledger,
    Outgoing,
    Peer,
    PeerDevice,
    StoredMessage,
)
from secure_chat.client.events import Event
from secure_chat.client.vault.tables import SELF, Record, Table
from secure_chat.client.vault.transaction import Transaction, end_of

_DIGITS: Final = 16  # of a number in a row id, in hexadecimal: the order of the ids is that of the numbers

Kept = TypeVar("Kept")


@dataclass(slots=True)
class _Drawer(Generic[Kept]):
    """The rows of one table that were looked at; None: there is no such row."""

    table: Table[Kept]
    rows: dict[str, Kept | None] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)

    def get(self, transaction: Transaction, row_id: str) -> Kept | None:
        if row_id not in self.rows:
            self.rows[row_id] = transaction.get(self.table, row_id)
        return self.rows[row_id]

    def put(self, row_id: str, record: Kept | None) -> None:
        self.rows[row_id] = record
        self.changed.add(row_id)

    def write(self, transaction: Transaction) -> None:
        for row_id in sorted(self.changed):
            record = self.rows[row_id]
            if record is None:
                transaction.delete(self.table, row_id)
            else:
                transaction.put(self.table, row_id, record)
        self.changed.clear()


class Desk:
    """What one transaction reads and changes of direct messages; `write` before the transaction ends."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self._contacts = _Drawer(CONTACTS)
        self._peers = _Drawer(PEERS)
        self._devices = _Drawer(PEER_DEVICES)
        self._conversations = _Drawer(CONVERSATIONS)
        self._ledger = _Drawer(DIRECT_LEDGER)
        self._hidden: dict[tuple[str, str], str] = {}
        self.touched: set[str] = set()  # names of whom something has changed
        self.changed_devices: dict[tuple[bytes, int], PeerDevice | None] = {}
        self.seen_envelopes: set[str] = set()  # that were dealt with in this transaction
        self.wanted_lists: set[bytes] = set()  # users who have a newer device list than the known one
        self.events: list[Event] = []  # to be told once the transaction is on the disk
        self._undoing: list[Callable[[], None]] = []

    def tell(self, event: Event) -> None:
        """Tell it once the transaction is on the disk."""
        self.events.append(event)

    def if_undone(self, undo: Callable[[], None]) -> None:
        """Do this if the transaction never is on the disk: something beside the vault was changed with it."""
        self._undoing.append(undo)

    def undo(self) -> None:
        """The transaction has failed: nothing of it is true, and nothing is told."""
        for undo in reversed(self._undoing):
            undo()

    def write(self) -> None:
        """Write what was changed."""
        for drawer in (self._contacts, self._peers, self._devices, self._conversations, self._ledger):
            drawer.write(self.transaction)

    # --- people ----------------------------------------------------------------------------------

    def contact(self, name: str) -> Contact | None:
        """The contact of that name."""
        return self._contacts.get(self.transaction, self._row(CONTACTS, name))

    def put_contact(self, contact: Contact) -> None:
        """Keep it."""
        self.touched.add(contact.name)
        self._contacts.put(self._row(CONTACTS, contact.name), contact)

    def all_contacts(self) -> list[Contact]:
        """Everybody pinned, in order of their names; what was changed here and not written is not looked at."""
        return sorted((contact for _, contact in self.transaction.scan(CONTACTS)), key=lambda contact: contact.name)

    def peer(self, user_id: bytes) -> Peer | None:
        """What is known of a user's lists."""
        return self._peers.get(self.transaction, self._row(PEERS, user_id.hex()))

    def put_peer(self, peer: Peer) -> None:
        """Keep it."""
        self._peers.put(self._row(PEERS, peer.user_id.hex()), peer)

    def device(self, user_id: bytes, device_id: int) -> PeerDevice | None:
        """What is kept of one device of somebody."""
        return self._devices.get(self.transaction, self._device_row(user_id, device_id))

    def put_device(self, device: PeerDevice) -> None:
        """Keep it."""
        self.changed_devices[device.user_id, device.device_id] = device
        self._devices.put(self._device_row(device.user_id, device.device_id), device)

    def all_devices(self) -> list[PeerDevice]:
        """Every device of everybody; what was changed here and not written is not looked at."""
        return [device for _, device in self.transaction.scan(PEER_DEVICES)]

    def forget_device(self, user_id: bytes, device_id: int) -> None:
        """Destroy the sessions with a device that was removed, their keys, and the ciphertexts that wait for it."""
        self.changed_devices[user_id, device_id] = None
        self._devices.put(self._device_row(user_id, device_id), None)
        for row_id, _ in self.late_envelopes(user_id, device_id):
            self.transaction.delete(LATE_ENVELOPES, row_id)

    # --- conversations ---------------------------------------------------------------------------

    def conversation(self, name: str) -> Conversation:
        """How far it has got."""
        return self._conversations.get(self.transaction, self._row(CONVERSATIONS, name)) or Conversation(name)

    def put_conversation(self, conversation: Conversation) -> None:
        """Keep it."""
        self.touched.add(conversation.name)
        self._conversations.put(self._row(CONVERSATIONS, conversation.name), conversation)

    def all_names(self) -> set[str]:
        """Everybody who is pinned or was ever written to."""
        conversations = {conversation.name for _, conversation in self.transaction.scan(CONVERSATIONS)}
        return conversations | {contact.name for contact in self.all_contacts()}

    @property
    def ledger(self) -> Ledger:
        """What is counted over all conversations."""
        return self._ledger.get(self.transaction, SELF) or Ledger()

    def put_ledger(self, ledger: Ledger) -> None:
        """Keep it."""
        self._ledger.put(SELF, ledger)

    def put_message(self, name: str, row: int, message: StoredMessage) -> None:
        """Keep a new row of a conversation."""
        self.transaction.insert(MESSAGES, self._numbered(MESSAGES, name, row), message)

    def messages(
        self, name: str, *, after: int = 0, before: int | None = None, limit: int | None = None
    ) -> list[tuple[int, StoredMessage]]:
        """Rows of a conversation between two numbers, the newest first."""
        first = self._row(MESSAGES, name)
        found = self.transaction.scan(
            MESSAGES,
            after=self._numbered(MESSAGES, name, after),
            before=end_of(first) if before is None else self._numbered(MESSAGES, name, before),
            limit=limit,
            newest_first=True,
        )
        return [(int(row_id[-_DIGITS:], 16), message) for row_id, message in found]

    # --- what waits ------------------------------------------------------------------------------

    def put_outgoing(self, name: str, outgoing: Outgoing) -> None:
        """Keep a message that is on its way."""
        self.touched.add(name)
        self.transaction.put(OUTGOING, self._numbered(OUTGOING, name, outgoing.number), outgoing)

    def delete_outgoing(self, name: str, number: int) -> None:
        """It is no longer on its way."""
        self.touched.add(name)
        self.transaction.delete(OUTGOING, self._numbered(OUTGOING, name, number))

    def outgoing(self, name: str, limit: int | None = None) -> list[Outgoing]:
        """What is on its way to somebody, in the order in which it was said."""
        first = self._row(OUTGOING, name)
        found = self.transaction.scan(OUTGOING, after=first, before=end_of(first), limit=limit)
        return [outgoing for _, outgoing in found]

    def put_late_envelope(self, number: int, late: LateEnvelope) -> None:
        """Keep an envelope for a device that is full."""
        row_id = f"{self._row(LATE_ENVELOPES, _device_name(late.user_id, late.device_id))}{number:0{_DIGITS}x}"
        self.transaction.put(LATE_ENVELOPES, row_id, late)

    def delete_late_envelope(self, row_id: str) -> None:
        """The device has it."""
        self.transaction.delete(LATE_ENVELOPES, row_id)

    def late_envelopes(
        self, user_id: bytes, device_id: int, limit: int | None = None
    ) -> list[tuple[str, LateEnvelope]]:
        """What waits for a device that is full, with its row ids, in order."""
        first = self._row(LATE_ENVELOPES, _device_name(user_id, device_id))
        return self.transaction.scan(LATE_ENVELOPES, after=first, before=end_of(first), limit=limit)

    # --- row ids ---------------------------------------------------------------------------------

    def hidden(self, table: Table[Record], name: str) -> str:
        """A row id that tells nobody without the key what `name` is; computed once."""
        key = table.name, name
        if key not in self._hidden:
            self._hidden[key] = self.transaction.hidden_id(table, name)
        return self._hidden[key]

    _row = hidden

    def _device_row(self, user_id: bytes, device_id: int) -> str:
        return self._row(PEER_DEVICES, _device_name(user_id, device_id))

    def _numbered(self, table: Table[Record], name: str, number: int) -> str:
        return f"{self._row(table, name)}{number:0{_DIGITS}x}"


def _device_name(user_id: bytes, device_id: int) -> str:
    return f"{user_id.hex()}/{device_id}"
