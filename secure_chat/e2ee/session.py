"""The state of one session between two devices: immutable, and encodable as it stands, so that it is one stored row.

PROTOCOL.md 20 to 22. Every step makes a new state; an error leaves the old one as it was.
"""

import msgspec

from secure_chat.e2ee.envelope import SESSION_TAG_BYTES, InitFields
from secure_chat.e2ee.hidden import Hidden
from secure_chat.e2ee.parties import Address


class SkippedKey(Hidden, frozen=True, array_like=True):
    """The key of a message that has not come yet."""

    n: int
    message_key: bytes  # 32 bytes
    kept_ms: int  # since when, milliseconds since 1970 UTC


class ReceivingChain(Hidden, frozen=True, array_like=True):
    """What the peer sends under one of its ratchet keys."""

    ratchet_key: bytes  # 32 bytes
    chain_key: bytes  # 32 bytes; empty once the peer has turned to the next chain
    next_n: int
    skipped: tuple[SkippedKey, ...] = ()  # in the order in which they were kept


class SendingChain(Hidden, frozen=True, array_like=True):
    """What this device sends under its newest ratchet key."""

    ratchet_key: bytes  # 32 bytes, public
    chain_key: bytes  # 32 bytes
    next_n: int
    started_ms: int  # milliseconds since 1970 UTC: its first message


class Session(msgspec.Struct, frozen=True, array_like=True):
    """One session; shows its tag and generation only."""

    own: Address
    peer: Address
    peer_identity: bytes  # 32 bytes: the peer's UIK when the session was set up
    sid: bytes  # 32 bytes, secret; its first 8 are the public tag
    transcript_hash: bytes  # TH, 32 bytes
    gen: int
    is_initiator: bool
    is_reset: bool  # an own init that no session of a lower rank is to be preferred to
    created_ms: int
    root_key: bytes  # 32 bytes
    ratchet_secret: bytes  # 32 bytes, X25519; empty from the peer's answer to it until this device sends again
    peer_ratchet: bytes  # 32 bytes: the newest ratchet key of the peer, at first its SPK; empty before one is known
    init: InitFields | None = None  # sent along until the peer has answered
    confirmed_ms: int = 0  # when the first message came on it; 0: none yet
    closed: bool = False  # by a session-close of either side: it only receives
    sending: SendingChain | None = None
    previous_sent: int = 0  # PN: messages on the sending chain before
    receiving: tuple[ReceivingChain, ...] = ()  # the newest first
    unanswered: int = 0  # received on the newest chain since this device last sent

    def __repr__(self) -> str:
        return f"<Session {self.sid8.hex()} gen {self.gen}>"

    @property
    def sid8(self) -> bytes:
        """The public tag by which envelopes name the session."""
        return self.sid[:SESSION_TAG_BYTES]

    @property
    def confirmed(self) -> bool:
        """Whether a message was received on it."""
        return self.confirmed_ms > 0

    @property
    def has_sent(self) -> bool:
        """Whether this device ever sent on it."""
        return self.sending is not None or self.previous_sent > 0
