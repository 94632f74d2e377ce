"""The content of a direct message: what is sealed, and the part of it that all its recipients have in common.

PROTOCOL.md 18.2 and 23. `Content` is P, `Core` is what `prev` chains: a device's messages of one conversation.
"""

import hashlib
import struct
from enum import IntEnum
from typing import Final, NamedTuple, Self

from secure_chat.directory.keys import USER_ID_FIELD
from secure_chat.e2ee.hidden import Hidden
from secure_chat.encoding import U32, U64, Reader, Writer, checked_number, list_field, number_field, packed, tag
from secure_chat.errors import EncodingError
from secure_chat.limits import MAX_SEEN
from secure_chat.protocol.envelope_header import ENVELOPE_ID_BYTES

MESSAGE_ID_BYTES: Final = 16
ZERO_DIGEST: Final = bytes(32)
_HAS_GROUP, _HAS_SEEN, _HAS_ORIGINAL, _FLAGS = 1, 2, 4, 7
_FIXED: Final = struct.Struct(">BB16sQIQ32sI32sI32sQ32s")  # 182 bytes
_CORE: Final = struct.Struct(">BB16sQIQ32s")  # 70 bytes
_GROUP: Final = struct.Struct(">32sI32s")


class Kind(IntEnum):
    """What a message is; PROTOCOL.md 18.3. Others are kept as they are."""

    TEXT = 1
    EDIT = 2
    DELETE = 3
    REACTION = 4
    RECEIPT = 5
    TYPING = 6
    ATTACHMENT = 7
    RETRY = 8
    SESSION_CLOSE = 9
    GROUP_CONTROL = 10
    ACK = 11
    SYNC_SENT = 16
    SYNC_READ = 17
    SYNC_PIN = 18
    SYNC_LABEL = 19


COUNTED: Final = frozenset((Kind.TEXT, Kind.EDIT, Kind.DELETE, Kind.REACTION, Kind.ATTACHMENT, Kind.GROUP_CONTROL))
_NOT_COUNTED: Final = frozenset(Kind) - COUNTED


class ListView(NamedTuple):
    """Which device lists the sender goes by; `dl`, 72 bytes."""

    sender_version: int  # from 1
    sender_digest: bytes  # 32 bytes: DLH
    recipient_version: int
    recipient_digest: bytes


class Group(NamedTuple):
    """The group and the state of it that a message belongs to, 68 bytes; epoch 0 and zeros before its first state."""

    group_id: bytes  # 32 bytes
    epoch: int
    group_hash: bytes  # 32 bytes

    def encode(self) -> bytes:
        """The 68 bytes. Raises `EncodingError` for what no reader would take."""
        if not any(self.group_id) or (self.epoch == 0) != (self.group_hash == ZERO_DIGEST):
            raise EncodingError("A group has no identifier, or an epoch without a state.")
        return packed(_GROUP, *self)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one. Raises `EncodingError`."""
        group = cls(*reader.fields(_GROUP))
        group.encode()
        return group


class Seen(NamedTuple):
    """The latest message that the sender has received from a device in this conversation, 28 bytes."""

    user: bytes  # 16 bytes
    device: int  # from 1
    seq: int  # from 1


_SEEN: Final = list_field(MAX_SEEN, USER_ID_FIELD, number_field(U32, 1), number_field(U64, 1))


class Core(Hidden, frozen=True):
    """What is the same for all recipients of a message."""

    kind: int
    msg_id: bytes  # 16 bytes
    sent_at: int  # milliseconds since 1970 UTC, by the sender's clock
    expire_s: int  # seconds; 0: never
    seq: int  # from 1 for each device and conversation; 0 for what is not counted
    prev: bytes  # 32 bytes: `digest` of this device's counted message before; zeros for the first
    group: Group | None
    body: bytes

    def encode(self) -> bytes:
        """70 bytes, 68 where there is a group, and the body. Raises `EncodingError`."""
        _check_count(self)
        counted = (self.msg_id, self.sent_at, self.expire_s, self.seq, self.prev)
        fixed = packed(_CORE, self.kind, self.group is not None, *counted)
        return fixed + (b"" if self.group is None else self.group.encode()) + self.body

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take what is left. Raises `EncodingError`."""
        kind, has_group, msg_id, sent_at, expire_s, seq, prev = reader.fields(_CORE)
        group = Group.read(reader) if checked_number(has_group, 0, 1) else None
        core = cls(kind, msg_id, sent_at, expire_s, seq, prev, group, reader.rest())
        _check_count(core)
        return core

    def digest(self) -> bytes:
        """32 bytes: SHA-256(T("core") || core), the `prev` of the next one."""
        return hashlib.sha256(tag("core") + self.encode()).digest()


class Content(Hidden, frozen=True):
    """P: 182 bytes, what its flags announce, and the body."""

    kind: int
    msg_id: bytes  # 16 bytes
    sent_at: int  # milliseconds since 1970 UTC, by the sender's clock
    seq: int  # as in `Core`
    lists: ListView
    body: bytes
    expire_s: int = 0  # seconds; 0: never
    prev: bytes = ZERO_DIGEST
    sth_size: int = 0  # 0 and zeros: this client knows no head of the key log
    sth_root: bytes = ZERO_DIGEST
    group: Group | None = None
    seen: tuple[Seen, ...] = ()  # at most 4
    orig_env: bytes | None = None  # 16 bytes: the envelope that this one replaces

    def encode(self) -> bytes:
        """The bytes of P. Raises `EncodingError` for what no reader would take."""
        self._check()
        flags = (self.group is not None) + 2 * bool(self.seen) + 4 * (self.orig_env is not None)
        counted = (self.msg_id, self.sent_at, self.expire_s, self.seq, self.prev)
        fixed = packed(_FIXED, self.kind, flags, *counted, *self.lists, self.sth_size, self.sth_root)
        return fixed + (self._announced() if flags else b"") + self.body

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one P. Raises `EncodingError`."""
        reader = Reader(data)
        kind, flags, msg_id, sent_at, expire_s, seq, prev, *lists, sth_size, sth_root = reader.fields(_FIXED)
        checked_number(flags, 0, _FLAGS)
        group = Group.read(reader) if flags & _HAS_GROUP else None
        seen = tuple(Seen(*entry) for entry in _SEEN.read(reader)) if flags & _HAS_SEEN else ()
        original = reader.identifier(ENVELOPE_ID_BYTES) if flags & _HAS_ORIGINAL else None
        optional = (expire_s, prev, sth_size, sth_root, group, seen, original)
        content = cls(kind, msg_id, sent_at, seq, ListView(*lists), reader.rest(), *optional)
        content._check()
        return content

    def _announced(self) -> bytes:
        writer = Writer()
        if self.group is not None:
            writer.rest(self.group.encode())
        if self.seen:
            _SEEN.write(writer, self.seen)
        if self.orig_env is not None:
            writer.identifier(self.orig_env, ENVELOPE_ID_BYTES)
        return writer.finish()

    def core(self) -> Core:
        """What all recipients have in common."""
        counted = (self.msg_id, self.sent_at, self.expire_s, self.seq, self.prev)
        return Core(self.kind, *counted, self.group, self.body)

    def _check(self) -> None:
        _check_count(self)
        if not (self.lists.sender_version and self.lists.recipient_version):
            raise EncodingError("The versions of a device list begin at 1.")
        if (self.sth_size == 0) != (self.sth_root == ZERO_DIGEST):
            raise EncodingError("A head of the key log has a size and a root, or neither.")


def core_hash(content: Content) -> bytes:
    """32 bytes: what the next counted message of this device and conversation carries as `prev`."""
    return content.core().digest()


def _check_count(message: Core | Content) -> None:
    """What must be true of msg_id, seq and prev of a kind."""
    if not any(message.msg_id):
        raise EncodingError("An identifier is all zero.")
    if (message.seq <= 1) != (message.prev == ZERO_DIGEST):
        raise EncodingError("The first message of a conversation, and no other, follows on none.")
    if message.kind in (_NOT_COUNTED if message.seq else COUNTED):
        raise EncodingError("A message of this kind is counted where it must not be, or the other way round.")
