"""The bodies of direct messages, by kind: each is a table of its fields; among them the states of groups.

PROTOCOL.md 18.3. Bodies show nothing of themselves. A body of a kind that is not among these is kept as it came.
"""

import hashlib
import itertools
from enum import IntEnum
from typing import ClassVar, Final

from secure_chat import encoding, errors, limits
from secure_chat.directory.keys import USER_ID_BYTES, USER_ID_FIELD
from secure_chat.e2ee.content import MESSAGE_ID_BYTES, ZERO_DIGEST, Core, Kind
from secure_chat.e2ee.hidden import Hidden

_MESSAGE, _GROUP = encoding.identifier_field(MESSAGE_ID_BYTES), encoding.identifier_field(32)
_PEER: Final = encoding.optional_identifier_field(USER_ID_BYTES)
_TEXT: Final = encoding.last_text_field(1, limits.MAX_TEXT_BYTES)
_LABEL: Final = encoding.text_field(limits.MAX_LABEL_BYTES)
_FLAG: Final = encoding.choice_field(False, True)
_FIRST_OR_SECOND: Final = encoding.choice_field(False, True, first=1)
_HASH, _U64 = encoding.fixed_field(32), encoding.U64
_FILE_NAME: Final = encoding.text_field(limits.MAX_FILE_NAME_BYTES)
_CAPTION: Final = encoding.last_text_field(0, limits.MAX_TEXT_BYTES)
_MEMBERS: Final = encoding.list_field(limits.MAX_GROUP_MEMBERS, USER_ID_FIELD, _HASH, _FLAG)


class UnreadableReason(IntEnum):
    """Why an envelope could not be opened, as a retry says it."""

    NO_SESSION = 1
    NO_PREKEY = 2
    TAG = 3
    SKIP = 4
    KEY_EXPIRED = 5
    REPLAYED = 6


def unreadable_reason(error: errors.ChatError) -> UnreadableReason:
    """What a retry says for an error of `accept` or `open_envelope`; what is altered in any way is `TAG`."""
    return UnreadableReason(error.reason if isinstance(error, errors.MessageUnreadable) else UnreadableReason.TAG)


class Body(encoding.Encoded, Hidden, frozen=True):
    """A body: its fields are its layout's."""

    kind: ClassVar[Kind]
    layout: ClassVar[tuple[encoding.Field, ...]] = ()


class UnknownBody(Body, frozen=True):
    """A body of a kind that this version does not know."""

    layout = (encoding.Field(encoding.Writer.rest, encoding.Reader.rest),)
    data: bytes


class TextBody(Body, frozen=True):
    """A text, 1 to 8,192 bytes of UTF-8."""

    kind = Kind.TEXT
    layout = (encoding.optional_identifier_field(MESSAGE_ID_BYTES), _TEXT)
    ref: bytes | None  # 16 bytes: the message that it answers
    text: str


class EditBody(Body, frozen=True):
    """Another text for an own message."""

    kind = Kind.EDIT
    layout = (_MESSAGE, _TEXT)
    ref: bytes  # 16 bytes
    text: str


class DeleteBody(Body, frozen=True):
    """An own message is taken back."""

    kind = Kind.DELETE
    layout = (_MESSAGE,)
    ref: bytes  # 16 bytes


class ReactionBody(Body, frozen=True):
    """A sign put to a message, or taken away."""

    kind = Kind.REACTION
    layout = (_MESSAGE, _FLAG, encoding.last_text_field(1, limits.MAX_REACTION_BYTES))
    ref: bytes  # 16 bytes
    added: bool
    sign: str  # 1 to 32 bytes of UTF-8


class ReceiptBody(Body, frozen=True):
    """Messages were delivered, or read."""

    kind = Kind.RECEIPT
    layout = (_FIRST_OR_SECOND, encoding.list_field(limits.MAX_RECEIPTS, _MESSAGE))
    is_read: bool
    messages: tuple[bytes, ...]  # 1 to 16, 16 bytes each


class TypingBody(Body, frozen=True):
    """The sender is typing, or has stopped."""

    kind = Kind.TYPING
    layout = (_FLAG,)
    typing: bool


class AttachmentBody(Body, frozen=True):
    """A file that lies at the server, sealed, and its key."""

    kind = Kind.ATTACHMENT
    layout = (
        _MESSAGE,
        _HASH,
        _U64,
        _U64,
        _HASH,
        _FILE_NAME,
        _LABEL,
        encoding.last_text_field(0, limits.MAX_TEXT_BYTES),
    )
    file_id: bytes  # 16 bytes
    key: bytes  # 32 bytes
    length: int  # bytes of the file
    blob_length: int  # bytes of the sealed blob
    blob_hash: bytes  # 32 bytes: SHA-256 of the sealed blob
    name: str
    media_type: str
    caption: str


class RetryBody(Body, frozen=True):
    """Envelopes that could not be opened, asked for again."""

    kind = Kind.RETRY
    layout = (encoding.list_field(limits.MAX_RETRIES, _MESSAGE, encoding.choice_field(*UnreadableReason, first=1)),)
    envelopes: tuple[tuple[bytes, UnreadableReason], ...]  # 1 to 64: env_id of 16 bytes, and why


class SessionCloseBody(Body, frozen=True):
    """The session that carries it only receives from now on."""

    kind = Kind.SESSION_CLOSE


class GroupState(Body, frozen=True):
    """G: the whole state of a group at one epoch."""

    kind = Kind.GROUP_CONTROL
    layout = (_GROUP, encoding.U32, _HASH, _LABEL, _MEMBERS)
    group_id: bytes  # 32 bytes
    epoch: int  # from 1
    prev_hash: bytes  # 32 bytes: `digest` of the state before; zeros at epoch 1
    name: str
    members: tuple[tuple[bytes, bytes, bool], ...]  # 1 to 32, ascending: user_id 16, UIK 32, whether an admin

    def digest(self) -> bytes:
        """group_hash, 32 bytes: SHA-256(T("group") || G)."""
        return hashlib.sha256(encoding.tag("group") + self.encode()).digest()

    def _check(self) -> None:
        if self.epoch < 1 or (self.epoch == 1) != (self.prev_hash == ZERO_DIGEST):
            raise errors.EncodingError("The epochs of a group begin at 1, which has no state before it.")
        if any(first[0] >= second[0] for first, second in itertools.pairwise(self.members)):
            raise errors.EncodingError("The members of a group are not strictly ascending.")


class AckBody(Body, frozen=True):
    """Something has arrived; no row, no notice."""

    kind = Kind.ACK


class SyncSentBody(Body, frozen=True):
    """What an own device has sent."""

    kind = Kind.SYNC_SENT
    layout = (_PEER, encoding.Field(lambda writer, core: writer.rest(core.encode()), Core.read))
    peer: bytes | None  # 16 bytes: user_id; None: to the group that the core names
    core: Core

    def _check(self) -> None:
        if (self.peer is None) == (self.core.group is None):
            raise errors.EncodingError("A message was sent to a person or to a group.")


class SyncReadBody(Body, frozen=True):
    """What was read on an own device."""

    kind = Kind.SYNC_READ
    layout = (_PEER, encoding.optional_identifier_field(32), encoding.list_field(255, _MESSAGE))
    peer: bytes | None  # 16 bytes: user_id; None: of a group
    group_id: bytes | None  # 32 bytes; None: of a pair
    messages: tuple[bytes, ...]  # 1 to 255, 16 bytes each

    def _check(self) -> None:
        if (self.peer is None) == (self.group_id is None):
            raise errors.EncodingError("A message is read in the conversation of a pair or of a group.")


class SyncPinBody(Body, frozen=True):
    """Whose identity an own device has pinned."""

    kind = Kind.SYNC_PIN
    layout = (USER_ID_FIELD, encoding.text_field(limits.MAX_NAME_BYTES), _HASH, _FIRST_OR_SECOND)
    user_id: bytes  # 16 bytes
    name: str
    identity_key: bytes  # 32 bytes: UIK
    verified: bool


class SyncLabelBody(Body, frozen=True):
    """What an own device is called."""

    kind = Kind.SYNC_LABEL
    layout = (encoding.identifier_field(4), _LABEL)
    device: bytes  # 4 bytes: device_id
    label: str


BODIES: Final[dict[int, type[Body]]] = {body.kind: body for body in Body.__subclasses__() if body is not UnknownBody}


def parse_body(kind: int, data: bytes) -> Body:
    """The body of a content; `UnknownBody` for a kind of a later version. Raises `EncodingError`."""
    return BODIES.get(kind, UnknownBody).parse(data)
