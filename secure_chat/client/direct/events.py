"""What the network thread tells of direct messages: one small type for each thing.

Peers are named as in their pinned device lists; texts are as their senders sent them: whoever draws passes them
through sanitize.py. Times are milliseconds since 1970 UTC. A row is the number of a message in the vault: rising over
all conversations in the order in which messages were received or accepted.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from secure_chat.client.ticket import Ticket
from secure_chat.errors import ChatError


class Trust(Enum):
    """How far a contact's key is trusted."""

    UNVERIFIED = "unverified"  # pinned at first contact; normal
    VERIFIED = "verified"  # compared, or first contact by an inviter's link
    CHANGED = "changed"  # another key than the pinned one: messages are held
    QUARANTINED = "quarantined"  # only of a message: it came under a key that nobody has accepted


class MessageKind(Enum):
    """What a row of a conversation is."""

    TEXT = "text"
    UNKNOWN = "unknown"  # needs a newer version
    UNREADABLE = "unreadable"  # something that claims to be from the peer; `reason` says why it cannot be read


@dataclass(frozen=True, slots=True)
class DirectMessage:
    """One row of a conversation."""

    peer: str
    row: int
    own: bool
    kind: MessageKind
    text: str = field(repr=False)
    time: int  # when the server received it
    sent_at: int  # by the sender's clock
    trust: Trust  # of the peer when the message came or went
    reason: str = ""  # of an unreadable one, as the end of a sentence: "its one-time key is gone"
    doubtful_time: bool = False  # `sent_at` is not near `time`: one of the clocks is wrong, or somebody lies


@dataclass(frozen=True, slots=True)
class DirectHeard:
    """One row, in its place: own and others', each once, in the order of their numbers."""

    message: DirectMessage
    late: bool  # it waited at the server, it was not heard as it happened
    ticket: Ticket | None = None  # of the own message that it is


@dataclass(frozen=True, slots=True)
class DirectQueued:
    """The message waits in the vault, and goes by itself. `waiting` counts those to this peer, this one too."""

    ticket: Ticket
    peer: str
    waiting: int


@dataclass(frozen=True, slots=True)
class DirectAccepted:
    """The message is on the server's disk, for every device that it could be encrypted for."""

    ticket: Ticket
    peer: str
    row: int
    time: int


@dataclass(frozen=True, slots=True)
class DirectDelayed:
    """The server asked to wait, or keeps no more for this peer: the message goes by itself after `seconds`."""

    ticket: Ticket
    peer: str
    error: ChatError
    seconds: float


@dataclass(frozen=True, slots=True)
class DirectRefused:
    """The message was not sent and will not be tried again: here it is. No ticket: it was typed before the start."""

    ticket: Ticket | None
    peer: str
    error: ChatError
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DirectHeld:
    """The message is kept in the vault and not sent, because the peer's key has changed."""

    ticket: Ticket
    peer: str
    error: ChatError  # `KeyChanged`


@dataclass(frozen=True, slots=True)
class KeyIsChanged:
    """The peer shows another key than the pinned one. `fingerprint` names the key shown, for `Client.trust`."""

    peer: str
    since: int
    was_verified: bool
    held: int  # messages
    fingerprint: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class KeyIsContradicted:
    """The server has shown two device lists of one version. `fingerprint`: of the key that `Client.trust` keeps."""

    peer: str
    error: ChatError  # `KeyContradicted`
    was_verified: bool
    fingerprint: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class ContactPinned:
    """First contact: the peer's key is kept from now on."""

    peer: str


@dataclass(frozen=True, slots=True)
class ContactVerified:
    """The peer's key is the right one."""

    peer: str
    by: str  # "number" or "invite"


@dataclass(frozen=True, slots=True)
class DeviceLeftOut:
    """A device of the peer gets nothing for now, and why; said once."""

    peer: str
    reason: str  # the end of a sentence: "it has published no keys"


@dataclass(frozen=True, slots=True)
class NewDevice:
    """The peer's identity has added a device. `replaces`: every older one is gone, with what it had not fetched."""

    peer: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class MayBeLost:
    """Of the last own texts, so many, nothing shows that they had come to devices of the peer that are gone."""

    peer: str
    count: int
    since: int  # time of the first one, milliseconds since 1970 UTC


# --- answers to calls ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SafetyNumber:
    """What two people compare: 60 digits in 12 groups of 5, and the same as the content of a QR code.

    Of a peer whose key has changed: the number of the key shown now, which is not accepted yet.
    """

    peer: str
    digits: str
    qr: bytes = field(repr=False)
    state: Trust
    fingerprint: bytes = field(repr=False, default=b"")


@dataclass(frozen=True, slots=True)
class ConversationFound:
    """Rows of one conversation, ascending; `earlier` says that there are older ones.

    `held`: own texts behind the newest row that are kept, in order, because the peer's key has changed.
    """

    peer: str
    messages: tuple[DirectMessage, ...]
    earlier: bool
    held: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class DirectsFound:
    """A page of a search, newest first; `next` asks for the page after it, 0: there is none."""

    messages: tuple[DirectMessage, ...]
    next: int


@dataclass(frozen=True, slots=True)
class ContactRow:
    """One contact."""

    name: str
    state: Trust
    held: int  # messages kept because the key has changed
    unread: int
    last_time: int  # of the newest message, 0: none yet
    waiting: int = 0  # messages not accepted yet, held ones too


@dataclass(frozen=True, slots=True)
class ContactSnapshot:
    """Somebody whose key is pinned, as at one moment."""

    name: str
    state: Trust
    unread: int
    held: int  # messages kept because the key has changed


@dataclass(frozen=True, slots=True)
class ContactsFound:
    """Everybody whose key is pinned, in order of their names."""

    contacts: tuple[ContactRow, ...]


@dataclass(frozen=True, slots=True)
class InviteReady:
    """A link with the inviter's part: whoever joins by it and the inviter have verified each other."""

    link: str = field(repr=False)
    expires: int


DirectAnswer: TypeAlias = SafetyNumber | ConversationFound | DirectsFound | ContactsFound | InviteReady
DirectEvent: TypeAlias = (
    DirectHeard
    | DirectQueued
    | DirectAccepted
    | DirectDelayed
    | DirectRefused
    | DirectHeld
    | KeyIsChanged
    | KeyIsContradicted
    | ContactPinned
    | ContactVerified
    | DeviceLeftOut
    | NewDevice
    | MayBeLost
)
