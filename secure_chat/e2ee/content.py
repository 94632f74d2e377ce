"""The content of a direct message: what is sealed, and the part of it that all its recipients have in common.

PROTOCOL.md 18.2 and 23. `Content` is P, `Core` is what `prev` chains: a device's messages of one conversation.
"""

import hashlib
import struct
from enum import IntEnum
from typing import Final, Self

import msgspec

from secure_chat.directory.keys import USER_ID_BYTES, checked_device_id
from secure_chat.e2ee.hidden import Hidden
from secure_chat.encoding import Reader, Writer, packed, tag
from secure_chat.errors import EncodingError
from secure_chat.limits import MAX_SEEN

MESSAGE_ID_BYTES: Final = 16
ZERO_DIGEST: Final = bytes(32)
_HAS_GROUP, _HAS_SEEN, _HAS_ORIGINAL = 1, 2, 4
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


class ListView(msgspec.Struct, frozen=True):
    """Which device lists the sender goes by; `dl`, 72 bytes."""

    sender_version: int  # from 1
    sender_digest: bytes  # 32 bytes: DLH
    recipient_version: int
    recipient_digest: bytes


class Group(msgspec.Struct, frozen=True):
    """The group and the state of it that a message belongs to, 68 bytes; epoch 0 and zeros before its first state."""

    group_id: bytes  # 32 bytes
    epoch: int
    group_hash: bytes  # 32 bytes

    def encode(self) -> bytes:
        """The 68 bytes. Raises `EncodingError` for what no reader would take."""
        self._check()
        return packed(_GROUP, self.group_id, self.epoch, self.group_hash)

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one. Raises `EncodingError`."""
        group = cls(*_GROUP.unpack(reader.fixed(_GROUP.size)))
        group._check()
        return group

    def _check(self) -> None:
        if not any(self.group_id) or (self.epoch == 0) != (self.group_hash == ZERO_DIGEST):
            raise EncodingError("A group has no identifier, or an epoch without a state.")


class Seen(msgspec.Struct, frozen=True):
    """The latest message that the sender has received from a device in this conversation, 28 bytes."""

    user: bytes  # 16 bytes
    device: int
    seq: int  # from 1

    def write(self, writer: Writer) -> None:
        """Append it."""
        writer.identifier(self.user, USER_ID_BYTES).u32(checked_device_id(self.device)).u64(_from_one(self.seq))

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take one. Raises `EncodingError`."""
        return cls(reader.identifier(USER_ID_BYTES), checked_device_id(reader.u32()), _from_one(reader.u64()))


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
        has_group = 0 if self.group is None else 1
        data = packed(_CORE, self.kind, has_group, self.msg_id, self.sent_at, self.expire_s, self.seq, self.prev)
        _check_count(self)
        return data + (b"" if self.group is None else self.group.encode()) + self.body

    @classmethod
    def read(cls, reader: Reader) -> Self:
        """Take what is left. Raises `EncodingError`."""
        kind, has_group, msg_id, sent_at, expire_s, seq, prev = _CORE.unpack(reader.fixed(_CORE.size))
        if has_group > 1:
            raise EncodingError("A flag is neither 0 nor 1.")
        group = Group.read(reader) if has_group else None
        core = cls(kind, msg_id, sent_at, expire_s, seq, prev, group, reader.rest())
        _check_count(core)
        return core

    def digest(self) -> bytes:
        """32 bytes: SHA-256(T("core") || core), the `prev` of the next one."""
        return hashlib.sha256(tag("core") + self.encode()).digest()


class Content(Hidden, frozen=True, kw_only=True):
    """P: 182 bytes, what its flags announce, and the body."""

    kind: int
    msg_id: bytes  # 16 bytes
    sent_at: int  # milliseconds since 1970 UTC, by the sender's clock
    expire_s: int = 0  # seconds; 0: never
    seq: int  # as in `Core`
    prev: bytes = ZERO_DIGEST
    lists: ListView
    sth_size: int = 0  # 0 and zeros: this client knows no head of the key log
    sth_root: bytes = ZERO_DIGEST
    group: Group | None = None
    seen: tuple[Seen, ...] = ()  # at most 4
    orig_env: bytes | None = None  # 16 bytes: the envelope that this one replaces
    body: bytes

    def encode(self) -> bytes:
        """The bytes of P. Raises `EncodingError` for what no reader would take."""
        flags = (self.group is not None) * _HAS_GROUP | bool(self.seen) * _HAS_SEEN
        flags |= (self.orig_env is not None) * _HAS_ORIGINAL
        lists = self.lists
        fixed = packed(
            _FIXED,
            self.kind,
            flags,
            self.msg_id,
            self.sent_at,
            self.expire_s,
            self.seq,
            self.prev,
            lists.sender_version,
            lists.sender_digest,
            lists.recipient_version,
            lists.recipient_digest,
            self.sth_size,
            self.sth_root,
        )
        self._check()
        return fixed + (self._optional() if flags else b"") + self.body

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one P. Raises `EncodingError`."""
        reader = Reader(data)
        fields = _FIXED.unpack(reader.fixed(_FIXED.size))
        kind, flags, msg_id, sent_at, expire_s, seq, prev = fields[:7]
        if flags > _HAS_GROUP | _HAS_SEEN | _HAS_ORIGINAL:
            raise EncodingError("A content has a flag that this version does not know.")
        content = cls(
            kind=kind,
            msg_id=msg_id,
            sent_at=sent_at,
            expire_s=expire_s,
            seq=seq,
            prev=prev,
            lists=ListView(*fields[7:11]),
            sth_size=fields[11],
            sth_root=fields[12],
            group=Group.read(reader) if flags & _HAS_GROUP else None,
            seen=_read_seen(reader) if flags & _HAS_SEEN else (),
            orig_env=reader.identifier(16) if flags & _HAS_ORIGINAL else None,
            body=reader.rest(),
        )
        content._check()
        return content

    def core(self) -> Core:
        """What all recipients have in common."""
        return Core(self.kind, self.msg_id, self.sent_at, self.expire_s, self.seq, self.prev, self.group, self.body)

    def _check(self) -> None:
        _check_count(self)
        _from_one(self.lists.sender_version)
        _from_one(self.lists.recipient_version)
        if (self.sth_size == 0) != (self.sth_root == ZERO_DIGEST):
            raise EncodingError("A head of the key log has a size and a root, or neither.")

    def _optional(self) -> bytes:
        writer = Writer()
        if self.group is not None:
            writer.rest(self.group.encode())
        if self.seen:
            writer.u8(_checked_seen_count(len(self.seen)))
            for seen in self.seen:
                seen.write(writer)
        if self.orig_env is not None:
            writer.identifier(self.orig_env, 16)
        return writer.finish()


def core_hash(content: Content) -> bytes:
    """32 bytes: what the next counted message of this device and conversation carries as `prev`."""
    return content.core().digest()


def _read_seen(reader: Reader) -> tuple[Seen, ...]:
    return tuple(Seen.read(reader) for _ in range(_checked_seen_count(reader.u8())))


def _checked_seen_count(count: int) -> int:
    if not 1 <= count <= MAX_SEEN:
        raise EncodingError(f"`seen` has 1 to {MAX_SEEN} entries, not {count}.")
    return count


def _check_count(message: Core | Content) -> None:
    """What must be true of msg_id, seq and prev of a kind."""
    if not any(message.msg_id):
        raise EncodingError("An identifier is all zero.")
    if (message.seq <= 1) != (message.prev == ZERO_DIGEST):
        raise EncodingError("The first message of a conversation, and no other, follows on none.")
    if message.kind in (_NOT_COUNTED if message.seq else COUNTED):
        raise EncodingError("A message of this kind is counted where it must not be, or the other way round.")


def _from_one(number: int) -> int:
    if number < 1:
        raise EncodingError("What is counted from 1 is 0.")
    return number
