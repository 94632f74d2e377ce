"""The bodies of direct messages, by kind, and the states of groups that one of them carries.

PROTOCOL.md 18.3. Bodies show nothing of themselves. A body of a kind that is not among these is kept as it came.
"""

import hashlib
import itertools
from enum import IntEnum
from typing import ClassVar, Final, Self

from secure_chat.directory.keys import KEY_BYTES, USER_ID_BYTES, checked_device_id
from secure_chat.e2ee.content import MESSAGE_ID_BYTES, ZERO_DIGEST, Core, Kind
from secure_chat.e2ee.hidden import Hidden
from secure_chat.encoding import Reader, Writer, tag
from secure_chat.errors import EncodingError
from secure_chat.limits import (
    MAX_FILE_NAME_BYTES,
    MAX_GROUP_MEMBERS,
    MAX_LABEL_BYTES,
    MAX_NAME_BYTES,
    MAX_REACTION_BYTES,
    MAX_RECEIPTS,
    MAX_RETRIES,
    MAX_TEXT_BYTES,
)
from secure_chat.protocol.envelope_header import ENVELOPE_ID_BYTES

GROUP_ID_BYTES: Final = 32
FILE_ID_BYTES: Final = 16
_DELIVERED, _READ = 1, 2
_UNVERIFIED, _VERIFIED = 1, 2
_MOST_IN_A_LIST: Final = 255


class UnreadableReason(IntEnum):
    """Why an envelope could not be opened, as a retry says it."""

    NO_SESSION = 1
    NO_PREKEY = 2
    TAG = 3
    SKIP = 4
    KEY_EXPIRED = 5
    REPLAYED = 6


class Body(Hidden, frozen=True):
    """What every body can; one without fields is this much."""

    kind: ClassVar[Kind]

    def encode(self) -> bytes:
        """Its bytes. Raises `EncodingError` for what no reader would take."""
        writer = Writer()
        self._write(writer)
        return writer.finish()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one. Raises `EncodingError`."""
        reader = Reader(data)
        body = cls._read(reader)
        reader.end()
        return body

    def _write(self, writer: Writer) -> None:
        """Append the fields."""

    @classmethod
    def _read(cls, _reader: Reader) -> Self:
        return cls()


class SessionCloseBody(Body, frozen=True):
    """The session that carries it only receives from now on."""

    kind = Kind.SESSION_CLOSE


class AckBody(Body, frozen=True):
    """Something has arrived; no row, no notice."""

    kind = Kind.ACK


class UnknownBody(Body, frozen=True):
    """A body of a kind that this version does not know."""

    data: bytes

    def _write(self, writer: Writer) -> None:
        writer.rest(self.data)


class TextBody(Body, frozen=True):
    """A text, 1 to 8,192 bytes of UTF-8."""

    kind = Kind.TEXT
    text: str
    ref: bytes | None = None  # 16 bytes: the message that it answers

    def _write(self, writer: Writer) -> None:
        writer.identifier_or_none(self.ref, MESSAGE_ID_BYTES).rest(_utf8(self.text, 1, MAX_TEXT_BYTES))

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        ref = reader.identifier_or_none(MESSAGE_ID_BYTES)
        return cls(_last_text(reader, 1, MAX_TEXT_BYTES), ref)


class EditBody(Body, frozen=True):
    """Another text for an own message."""

    kind = Kind.EDIT
    ref: bytes  # 16 bytes
    text: str

    def _write(self, writer: Writer) -> None:
        writer.identifier(self.ref, MESSAGE_ID_BYTES).rest(_utf8(self.text, 1, MAX_TEXT_BYTES))

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        return cls(reader.identifier(MESSAGE_ID_BYTES), _last_text(reader, 1, MAX_TEXT_BYTES))


class DeleteBody(Body, frozen=True):
    """An own message is taken back."""

    kind = Kind.DELETE
    ref: bytes  # 16 bytes

    def _write(self, writer: Writer) -> None:
        writer.identifier(self.ref, MESSAGE_ID_BYTES)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        return cls(reader.identifier(MESSAGE_ID_BYTES))


class ReactionBody(Body, frozen=True):
    """A sign put to a message, or taken away."""

    kind = Kind.REACTION
    ref: bytes  # 16 bytes
    added: bool
    sign: str  # 1 to 32 bytes of UTF-8

    def _write(self, writer: Writer) -> None:
        writer.identifier(self.ref, MESSAGE_ID_BYTES).u8(self.added).rest(_utf8(self.sign, 1, MAX_REACTION_BYTES))

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        ref, added = reader.identifier(MESSAGE_ID_BYTES), _flag(reader)
        return cls(ref, added, _last_text(reader, 1, MAX_REACTION_BYTES))


class ReceiptBody(Body, frozen=True):
    """Messages were delivered, or read."""

    kind = Kind.RECEIPT
    read: bool
    messages: tuple[bytes, ...]  # 1 to 16, 16 bytes each

    def _write(self, writer: Writer) -> None:
        _write_messages(writer.u8(_DELIVERED + self.read), self.messages, MAX_RECEIPTS)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        read = _between(reader.u8(), _DELIVERED, _READ) == _READ
        return cls(read, _read_messages(reader, MAX_RECEIPTS))


class TypingBody(Body, frozen=True):
    """The sender is typing, or has stopped."""

    kind = Kind.TYPING
    typing: bool

    def _write(self, writer: Writer) -> None:
        writer.u8(self.typing)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        return cls(_flag(reader))


class AttachmentBody(Body, frozen=True):
    """A file that lies at the server, sealed, and its key."""

    kind = Kind.ATTACHMENT
    file_id: bytes  # 16 bytes
    key: bytes  # 32 bytes
    length: int  # bytes of the file
    blob_length: int  # bytes of the sealed blob
    blob_hash: bytes  # 32 bytes: SHA-256 of the sealed blob
    name: str
    media_type: str
    caption: str = ""

    def _write(self, writer: Writer) -> None:
        writer.identifier(self.file_id, FILE_ID_BYTES).fixed(self.key, 32).u64(self.length).u64(self.blob_length)
        writer.fixed(self.blob_hash, 32).rest(_text(self.name, MAX_FILE_NAME_BYTES))
        writer.rest(_text(self.media_type, MAX_LABEL_BYTES)).rest(_utf8(self.caption, 0, MAX_TEXT_BYTES))

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        file_id, key, length, blob_length = (
            reader.identifier(FILE_ID_BYTES),
            reader.fixed(32),
            reader.u64(),
            reader.u64(),
        )
        blob_hash, name = reader.fixed(32), reader.text(MAX_FILE_NAME_BYTES)
        media_type, caption = reader.text(MAX_LABEL_BYTES), _last_text(reader, 0, MAX_TEXT_BYTES)
        return cls(file_id, key, length, blob_length, blob_hash, name, media_type, caption)


class RetryBody(Body, frozen=True):
    """Envelopes that could not be opened, asked for again."""

    kind = Kind.RETRY
    envelopes: tuple[tuple[bytes, UnreadableReason], ...]  # 1 to 64: env_id of 16 bytes, and why

    def _write(self, writer: Writer) -> None:
        writer.u8(_between(len(self.envelopes), 1, MAX_RETRIES))
        for env_id, reason in self.envelopes:
            writer.identifier(env_id, ENVELOPE_ID_BYTES).u8(reason)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        return cls(
            tuple(
                (
                    reader.identifier(ENVELOPE_ID_BYTES),
                    UnreadableReason(_between(reader.u8(), 1, len(UnreadableReason))),
                )
                for _ in range(_between(reader.u8(), 1, MAX_RETRIES))
            )
        )


class Member(Hidden, frozen=True):
    """Somebody in a group."""

    user_id: bytes  # 16 bytes
    identity_key: bytes  # 32 bytes: UIK
    is_admin: bool


class GroupState(Body, frozen=True):
    """G: the whole state of a group at one epoch."""

    kind = Kind.GROUP_CONTROL
    group_id: bytes  # 32 bytes
    epoch: int  # from 1
    prev_hash: bytes  # 32 bytes: `digest` of the state before; zeros at epoch 1
    name: str
    members: tuple[Member, ...]  # 1 to 32, ascending by user_id

    def digest(self) -> bytes:
        """group_hash, 32 bytes: SHA-256(T("group") || G)."""
        return hashlib.sha256(tag("group") + self.encode()).digest()

    def _write(self, writer: Writer) -> None:
        self._check()
        writer.identifier(self.group_id, GROUP_ID_BYTES).u32(self.epoch).fixed(self.prev_hash, 32)
        writer.rest(_text(self.name, MAX_LABEL_BYTES)).u8(len(self.members))
        for member in self.members:
            writer.identifier(member.user_id, USER_ID_BYTES).fixed(member.identity_key, KEY_BYTES).u8(member.is_admin)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        group_id, epoch, prev_hash = reader.identifier(GROUP_ID_BYTES), reader.u32(), reader.fixed(32)
        name, count = reader.text(MAX_LABEL_BYTES), _between(reader.u8(), 1, MAX_GROUP_MEMBERS)
        members = tuple(
            Member(reader.identifier(USER_ID_BYTES), reader.fixed(KEY_BYTES), _flag(reader)) for _ in range(count)
        )
        state = cls(group_id, epoch, prev_hash, name, members)
        state._check()
        return state

    def _check(self) -> None:
        if self.epoch < 1 or (self.epoch == 1) != (self.prev_hash == ZERO_DIGEST):
            raise EncodingError("The epochs of a group begin at 1, which has no state before it.")
        _between(len(self.members), 1, MAX_GROUP_MEMBERS)
        if any(first.user_id >= second.user_id for first, second in itertools.pairwise(self.members)):
            raise EncodingError("The members of a group are not strictly ascending.")


class SyncSentBody(Body, frozen=True):
    """What an own device has sent."""

    kind = Kind.SYNC_SENT
    peer: bytes | None  # 16 bytes: user_id; None: to the group that the core names
    core: Core

    def _write(self, writer: Writer) -> None:
        writer.identifier_or_none(self.peer, USER_ID_BYTES).rest(self.core.encode())
        _check_conversation(self.peer, self.core.group)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        body = cls(reader.identifier_or_none(USER_ID_BYTES), Core.read(reader))
        _check_conversation(body.peer, body.core.group)
        return body


class SyncReadBody(Body, frozen=True):
    """What was read on an own device: of a pair or of a group."""

    kind = Kind.SYNC_READ
    peer: bytes | None  # 16 bytes: user_id
    group_id: bytes | None  # 32 bytes
    messages: tuple[bytes, ...]  # 1 to 255, 16 bytes each

    def _write(self, writer: Writer) -> None:
        _check_conversation(self.peer, self.group_id)
        writer.identifier_or_none(self.peer, USER_ID_BYTES).identifier_or_none(self.group_id, GROUP_ID_BYTES)
        _write_messages(writer, self.messages, _MOST_IN_A_LIST)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        peer, group_id = reader.identifier_or_none(USER_ID_BYTES), reader.identifier_or_none(GROUP_ID_BYTES)
        _check_conversation(peer, group_id)
        return cls(peer, group_id, _read_messages(reader, _MOST_IN_A_LIST))


class SyncPinBody(Body, frozen=True):
    """Whose identity an own device has pinned."""

    kind = Kind.SYNC_PIN
    user_id: bytes  # 16 bytes
    name: str
    identity_key: bytes  # 32 bytes: UIK
    verified: bool

    def _write(self, writer: Writer) -> None:
        writer.identifier(self.user_id, USER_ID_BYTES).rest(_text(self.name, MAX_NAME_BYTES))
        writer.fixed(self.identity_key, KEY_BYTES).u8(_UNVERIFIED + self.verified)

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        user_id, name, key = reader.identifier(USER_ID_BYTES), reader.text(MAX_NAME_BYTES), reader.fixed(KEY_BYTES)
        return cls(user_id, name, key, _between(reader.u8(), _UNVERIFIED, _VERIFIED) == _VERIFIED)


class SyncLabelBody(Body, frozen=True):
    """What an own device is called."""

    kind = Kind.SYNC_LABEL
    device_id: int
    label: str

    def _write(self, writer: Writer) -> None:
        writer.u32(checked_device_id(self.device_id)).rest(_text(self.label, MAX_LABEL_BYTES))

    @classmethod
    def _read(cls, reader: Reader) -> Self:
        return cls(checked_device_id(reader.u32()), reader.text(MAX_LABEL_BYTES))


_BODIES: Final[dict[int, type[Body]]] = {
    body.kind: body
    for body in (
        TextBody,
        EditBody,
        DeleteBody,
        ReactionBody,
        ReceiptBody,
        TypingBody,
        AttachmentBody,
        RetryBody,
        SessionCloseBody,
        GroupState,
        AckBody,
        SyncSentBody,
        SyncReadBody,
        SyncPinBody,
        SyncLabelBody,
    )
}


def parse_body(kind: int, data: bytes) -> Body:
    """The body of a content; `UnknownBody` for a kind of a later version. Raises `EncodingError`."""
    known = _BODIES.get(kind)
    return UnknownBody(data) if known is None else known.parse(data)


def _utf8(text: str, least: int, most: int) -> bytes:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise EncodingError("A text with a lone surrogate cannot be encoded.") from error
    _between(len(data), least, most)
    return data


def _text(text: str, most: int) -> bytes:
    """A `str` of at most `most` bytes: u32 length, UTF-8."""
    data = _utf8(text, 0, most)
    return Writer().u32(len(data)).rest(data).finish()


def _last_text(reader: Reader, least: int, most: int) -> str:
    data = reader.rest()
    _between(len(data), least, most)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EncodingError("A text is not UTF-8.") from error


def _write_messages(writer: Writer, messages: tuple[bytes, ...], most: int) -> None:
    writer.u8(_between(len(messages), 1, most))
    for msg_id in messages:
        writer.identifier(msg_id, MESSAGE_ID_BYTES)


def _read_messages(reader: Reader, most: int) -> tuple[bytes, ...]:
    return tuple(reader.identifier(MESSAGE_ID_BYTES) for _ in range(_between(reader.u8(), 1, most)))


def _check_conversation(peer: bytes | None, group: object) -> None:
    if (peer is None) == (group is None):
        raise EncodingError("A conversation is a pair's or a group's.")


def _flag(reader: Reader) -> bool:
    return _between(reader.u8(), 0, 1) == 1


def _between(number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise EncodingError(f"{number} stands where {least} to {most} is allowed.")
    return number
