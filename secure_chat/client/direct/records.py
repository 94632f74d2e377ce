"""What the vault keeps of direct messages: contacts, their lists and devices, conversations, what waits to be sent.

Row ids tell nobody without the vault's key whose they are; those of messages and of waiting ones rise within one
conversation.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from secure_chat.client.direct.events import MessageKind, Trust
from secure_chat.client.vault.tables import Table
from secure_chat.directory.device_list import AcceptedDeviceList, SeenDevice
from secure_chat.directory.prekeys import SeenPrekey
from secure_chat.e2ee.session import Session

# --- whom this account talks to ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShownKey:
    """Another identity than the pinned one that the server shows for a name; nothing is sent to it."""

    user_id: bytes  # 16
    identity_key: bytes  # 32
    since: int  # milliseconds since 1970 UTC
    by_invite: bool = False  # an invite's proof has contradicted the pinned key: only a person ends that


@dataclass(frozen=True, slots=True)
class Contact:
    """A name and the identity that belongs to it here. One row for each name."""

    name: str
    user_id: bytes  # 16
    identity_key: bytes  # 32: UIK
    pinned_at: int  # milliseconds since 1970 UTC
    verified: bool = False
    shown: ShownKey | None = None  # set: the key has changed
    contradicted_at: int = 0  # when two lists of one version were seen; 0: never
    accepted: tuple[bytes, ...] = ()  # fingerprints (16 each) of the changed keys that a person has accepted

    @property
    def state(self) -> Trust:
        """How far the key is trusted."""
        if self.shown is not None or self.contradicted_at:
            return Trust.CHANGED
        return Trust.VERIFIED if self.verified else Trust.UNVERIFIED


@lru_cache(maxsize=256)
def _read(signed_list: bytes) -> AcceptedDeviceList:
    """A list that was accepted and stored; the same ones are asked for with each message."""
    return AcceptedDeviceList.from_own_store(signed_list)


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """A version of a device list that was accepted, and its hash."""

    version: int
    digest: bytes  # 32: DLH


@dataclass(frozen=True, slots=True)
class Peer:
    """A user's device lists as they are known here. One row for each user id.

    `accepted` is under the pinned identity: its devices are written to. `shown` is under another one: its devices'
    messages are opened and put into quarantine. Each continues the chain of `known`.
    """

    user_id: bytes  # 16
    name: str
    accepted: bytes = field(default=b"", repr=False)  # DL || signature, or empty
    shown: bytes = field(default=b"", repr=False)  # DL || signature, or empty
    known: tuple[KnownVersion, ...] = ()  # ascending
    seen: tuple[SeenDevice, ...] = ()  # every device of any version

    @property
    def accepted_list(self) -> AcceptedDeviceList | None:
        """The newest list under the pinned identity."""
        return _read(self.accepted) if self.accepted else None

    @property
    def shown_list(self) -> AcceptedDeviceList | None:
        """The newest list, when it is under an identity that nobody has accepted."""
        return _read(self.shown) if self.shown else None

    @property
    def newest_list(self) -> AcceptedDeviceList | None:
        """What the next version must continue."""
        return self.shown_list or self.accepted_list

    @property
    def version(self) -> int:
        """The highest known; 0: none."""
        return self.known[-1].version if self.known else 0


@dataclass(frozen=True, slots=True)
class ChainBegun:
    """A sending chain that the peer has not turned by yet."""

    sid8: bytes  # 8: of its session
    number: int  # of the last own counted message when it began, which may be its first one


@dataclass(frozen=True, slots=True)
class PeerDevice:
    """One device of somebody: the sessions with it, and what must be remembered beyond them."""

    name: str  # of its owner
    user_id: bytes  # 16
    device_id: int
    sessions: tuple[Session, ...] = ()
    generation: int = 0  # the highest known for this pair of devices; survives the sessions
    prekeys: SeenPrekey = field(default_factory=SeenPrekey)
    ack_due: int = 0  # milliseconds since 1970 UTC; 0: none is owed
    opening_due: int = 0  # when a fresh session is to be opened, because something could not be read; 0: none
    opening_pause: int = 0  # milliseconds between the last two; 0: a message has opened since
    opened_at: int = 0  # when the last such session was opened
    left_out: int = 0  # why it got nothing the last time (the omission's number); 0: it got what was sent
    arrived: int | None = None  # number of the last own message that is known to have come; None: nothing was sent
    begun: tuple[ChainBegun, ...] = ()  # what a turn of the peer will prove


# --- what was said -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conversation:
    """How far the talk with one name has got."""

    name: str
    seq: int = 0  # of the last own counted message
    prev: bytes = bytes(32)  # its hash
    queued: int = 0  # number of the last message that was put into the queue
    unread: int = 0
    read_row: int = 0
    last_time: int = 0  # of the newest row, milliseconds since 1970 UTC


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One row of a conversation. Its number is the end of the row id."""

    own: bool
    kind: MessageKind
    time: int  # the server's
    sent_at: int  # the sender's
    trust: Trust
    text: str = field(default="", repr=False)
    reason: str = ""  # of an unreadable one
    doubtful_time: bool = False
    msg_id: bytes = b""  # 16, or empty when nothing was opened
    env_id: bytes = b""  # 16, of an unreadable one
    device_id: int = 0  # the sender's
    key: bytes = b""  # fingerprint (16) of the key that nobody had accepted, of a quarantined one
    seq: int = 0
    prev: bytes = b""
    content: bytes = field(default=b"", repr=False)  # whole, of a kind that this version does not know


@dataclass(frozen=True, slots=True)
class Ledger:
    """What is counted over all conversations; one row."""

    rows: int = 0  # the number of the newest row
    strangers: int = 0  # envelopes from users that the server does not know
    newcomers: int = 0  # people who were unknown here and have begun to write since the time below
    newcomers_since: int = 0  # milliseconds since 1970 UTC


@dataclass(frozen=True, slots=True)
class SeenEnvelope:
    """An envelope that was dealt with: the same one is acknowledged and not looked at again."""

    at: int  # milliseconds since 1970 UTC


# --- what waits to be sent -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Part:
    """What one device gets of one message: an envelope, or the reason why there is none, or (full) both for a while."""

    device_id: int
    envelope: bytes = field(default=b"", repr=False)
    omitted: int = 0  # 1 to 5 as in the request; 4 with an envelope: the device is full, the envelope is kept


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way to one person. Before anything leaves, `parts` hold its ciphertexts."""

    number: int  # rising for each conversation
    kind: int
    body: bytes = field(repr=False)
    msg_id: bytes  # 16
    sent_at: int  # milliseconds since 1970 UTC
    device_id: int = 0  # set: for this device alone
    opens_session: bool = False  # a new session, whatever there is
    user_id: bytes = b""  # of `parts`
    seq: int = 0  # 0: not counted, or not decided yet
    prev: bytes = bytes(32)
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class LateEnvelope:
    """The envelope of an accepted message for a device that was full."""

    name: str
    user_id: bytes  # 16
    device_id: int
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two signed lists of one version: evidence against the server, or against the account's owner."""

    at: int  # milliseconds since 1970 UTC
    name: str
    version: int
    known_digest: bytes  # 32
    other: bytes  # DL || signature, or the 32 bytes of a hash that somebody goes by


CONTACTS: Final = Table("direct_contact", Contact)
PEERS: Final = Table("direct_peer", Peer)
PEER_DEVICES: Final = Table("direct_device", PeerDevice)
CONVERSATIONS: Final = Table("direct_conversation", Conversation)
MESSAGES: Final = Table("direct_message", StoredMessage)
DIRECT_LEDGER: Final = Table("direct_ledger", Ledger)
SEEN_ENVELOPES: Final = Table("direct_seen", SeenEnvelope)
OUTGOING: Final = Table("direct_outgoing", Outgoing)
LATE_ENVELOPES: Final = Table("direct_late", LateEnvelope)
CONTRADICTIONS: Final = Table("direct_contradiction", Contradiction)
