"""Samples of contents and bodies, right ones and wrong ones, for tests and vectors alike."""

from typing import Final

from msgspec.structs import replace

from secure_chat.e2ee.bodies import (
    AckBody,
    AttachmentBody,
    Body,
    DeleteBody,
    EditBody,
    GroupState,
    ReactionBody,
    ReceiptBody,
    RetryBody,
    SessionCloseBody,
    SyncLabelBody,
    SyncPinBody,
    SyncReadBody,
    SyncSentBody,
    TextBody,
    TypingBody,
    UnreadableReason,
)
from secure_chat.e2ee.content import Content, Core, Group, Kind, ListView, Seen
from tests.e2ee.pair import NOW

LISTS = ListView(1, b"d" * 32, 2, b"e" * 32)
GROUP = Group(b"g" * 32, 1, b"h" * 32)
SEEN = tuple(Seen(bytes([number]) * 16, number, number) for number in range(1, 5))
TEXT = Content(kind=Kind.TEXT, msg_id=b"m" * 16, sent_at=NOW, seq=1, lists=LISTS, body=TextBody(None, "hello").encode())
FULL = replace(
    TEXT, expire_s=60, seq=2, prev=b"p" * 32, sth_size=9, sth_root=b"r" * 32, group=GROUP, seen=SEEN, orig_env=b"o" * 16
)
CONTENTS: Final[list[tuple[str, Content]]] = [
    ("the first text", TEXT),
    ("everything that flags announce", FULL),
    ("a group alone", replace(TEXT, group=GROUP)),
    ("seen alone", replace(TEXT, seen=SEEN[:1])),
    ("orig_env alone", replace(TEXT, orig_env=b"o" * 16)),
    ("an ack", replace(TEXT, kind=Kind.ACK, seq=0, body=b"")),
    ("a kind of a later version", replace(TEXT, kind=200, seq=0)),
]


def spliced(data: bytes, place: int, value: bytes) -> bytes:
    """`data` with other bytes at one place."""
    return data[:place] + value + data[place + len(value) :]


ALTERED: Final[list[tuple[str, Content, int, bytes]]] = [
    ("a flag that nobody knows", TEXT, 1, b"\x08"),
    ("msg_id", TEXT, 2, bytes(16)),
    ("seq of a text", TEXT, 30, (0).to_bytes(8, "big")),
    ("seq 2 after nothing", TEXT, 30, (2).to_bytes(8, "big")),
    ("seq 1 after something", FULL, 30, (1).to_bytes(8, "big")),
    ("an ack that is counted", TEXT, 0, bytes([Kind.ACK])),
    ("version of the sender's list", TEXT, 70, bytes(4)),
    ("version of the recipient's list", TEXT, 106, bytes(4)),
    ("a head without root", TEXT, 142, (1).to_bytes(8, "big")),
    ("a root without head", TEXT, 150, b"\x01"),
    ("group_id", FULL, 182, bytes(32)),
    ("epoch 0 with a state", FULL, 214, bytes(4)),
    ("no entry of seen", FULL, 250, b"\x00"),
    ("five of them", FULL, 250, b"\x05"),
    ("user of the first", FULL, 251, bytes(16)),
    ("its device", FULL, 267, bytes(4)),
    ("its seq", FULL, 271, bytes(8)),
    ("orig_env", FULL, 363, bytes(16)),
]
BAD_CONTENTS: Final = [
    ("nothing", b""),
    ("one byte less than the fixed fields", TEXT.encode()[:181]),
    *((what, spliced(content.encode(), place, value)) for what, content, place, value in ALTERED),
]

REF = b"r" * 16
CORE = Core(Kind.TEXT, b"m" * 16, NOW, 0, 1, bytes(32), None, TextBody(None, "x").encode())
GROUP_CORE = replace(CORE, group=Group(b"g" * 32, 1, b"h" * 32))
STATE = GroupState(b"g" * 32, 2, b"p" * 32, "crew", ((b"a" * 16, b"A" * 32, True), (b"b" * 16, b"B" * 32, False)))
BODIES: Final[list[tuple[Body, int]]] = [
    (TextBody(None, "hello"), 21),
    (TextBody(REF, "ü" * 4096), 16 + 8192),
    (EditBody(REF, "better"), 22),
    (DeleteBody(REF), 16),
    (ReactionBody(REF, True, "👍"), 21),
    (ReactionBody(REF, False, "x" * 32), 49),
    (ReceiptBody(False, (REF,)), 18),
    (ReceiptBody(True, (REF,) * 16), 2 + 256),
    (TypingBody(True), 1),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "a.txt", "text/plain", "look"), 96 + 9 + 14 + 4),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "", "", ""), 96 + 8),
    (RetryBody(((REF, UnreadableReason.TAG), (b"s" * 16, UnreadableReason.REPLAYED))), 35),
    (SessionCloseBody(), 0),
    (STATE, 32 + 4 + 32 + 8 + 1 + 2 * 49),
    (replace(STATE, epoch=1, prev_hash=bytes(32), name=""), 32 + 4 + 32 + 4 + 1 + 2 * 49),
    (AckBody(), 0),
    (SyncSentBody(b"u" * 16, CORE), 16 + 70 + 17),
    (SyncSentBody(None, GROUP_CORE), 16 + 138 + 17),
    (SyncReadBody(b"u" * 16, None, (REF,) * 255), 49 + 255 * 16),
    (SyncReadBody(None, b"g" * 32, (REF,)), 65),
    (SyncPinBody(b"u" * 16, "bob", b"k" * 32, True), 56),
    (SyncPinBody(b"u" * 16, "bob", b"k" * 32, False), 56),
    (SyncLabelBody(b"dddd", "laptop"), 14),
]
BAD_BODIES: Final[list[tuple[int, bytes]]] = [
    (Kind.TEXT, bytes(16)),
    (Kind.TEXT, bytes(16) + b"\xff"),
    (Kind.TEXT, bytes(16) + b"x" * 8193),
    (Kind.DELETE, bytes(16)),
    (Kind.REACTION, REF + b"\x02x"),
    (Kind.RECEIPT, b"\x00\x01" + REF),
    (Kind.RECEIPT, b"\x03\x01" + REF),
    (Kind.RECEIPT, b"\x01\x00"),
    (Kind.RECEIPT, b"\x01\x11" + REF * 17),
    (Kind.TYPING, b"\x02"),
    (Kind.RETRY, b"\x01" + REF + b"\x00"),
    (Kind.RETRY, b"\x01" + REF + b"\x07"),
    (Kind.ACK, b"\x00"),
    (Kind.SESSION_CLOSE, b"\x00"),
    (Kind.GROUP_CONTROL, STATE.encode()[:-1] + b"\x02"),
    (Kind.GROUP_CONTROL, b"g" * 32 + bytes(4) + b"p" * 32 + bytes(4) + b"\x01" + b"a" * 48 + b"\x00"),
    (Kind.SYNC_SENT, bytes(16) + CORE.encode()),
    (Kind.SYNC_SENT, b"u" * 16 + GROUP_CORE.encode()),
    (Kind.SYNC_READ, bytes(48) + b"\x01" + REF),
    (Kind.SYNC_READ, b"u" * 16 + b"g" * 32 + b"\x01" + REF),
    (Kind.SYNC_PIN, SyncPinBody(b"u" * 16, "bob", b"k" * 32, True).encode()[:-1] + b"\x00"),
    (Kind.SYNC_LABEL, bytes(4) + b"\x00\x00\x00\x01x"),
    (Kind.SYNC_LABEL, b"dddd" + b"\x00\x00\x01\x01" + b"x" * 257),
]
