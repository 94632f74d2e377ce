"""Bodies: one encoding of each kind, and what is not one is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from secure_chat.e2ee.bodies import (
    BODIES,
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
    UnknownBody,
    UnreadableReason,
    parse_body,
    unreadable_reason,
)
from secure_chat.e2ee.content import Core, Group, Kind
from secure_chat.errors import (
    EncodingError,
    KeyGone,
    KeyWorthless,
    PrekeyGone,
    SessionAhead,
    SessionMismatch,
    SessionReplayed,
    SessionUnknown,
    SkipTooFar,
    TagInvalid,
)
from tests.e2ee.pair import NOW

REF = b"r" * 16
CORE = Core(Kind.TEXT, b"m" * 16, NOW, 0, 1, bytes(32), None, TextBody(None, "x").encode())
GROUP_CORE = replace(CORE, group=Group(b"g" * 32, 1, b"h" * 32))
STATE = GroupState(b"g" * 32, 2, b"p" * 32, "crew", ((b"a" * 16, b"A" * 32, True), (b"b" * 16, b"B" * 32, False)))
SAMPLES: list[tuple[Body, int]] = [
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


@pytest.mark.parametrize(("body", "length"), SAMPLES, ids=lambda value: type(value).__name__)
def test_a_body_is_read_as_it_was_written(body: Body, length: int) -> None:
    data = body.encode()
    assert len(data) == length
    assert parse_body(body.kind, data) == body
    assert type(parse_body(body.kind, data)) is type(body)


def test_there_is_a_body_and_a_sample_of_every_kind() -> None:
    assert set(BODIES) == set(Kind) == {body.kind for body, _ in SAMPLES}


def test_a_kind_of_a_later_version_is_kept_as_it_came() -> None:
    assert parse_body(200, b"whatever") == UnknownBody(b"whatever")
    assert UnknownBody(b"whatever").encode() == b"whatever"


@pytest.mark.negative(35)
@pytest.mark.parametrize("body", [body for body, _ in SAMPLES], ids=lambda value: type(value).__name__)
def test_a_body_shows_its_name_alone(body: Body) -> None:
    assert repr(body) == f"<{type(body).__name__}>"


@pytest.mark.negative(49)
@pytest.mark.parametrize(("body", "length"), SAMPLES, ids=lambda value: type(value).__name__)
def test_a_body_cut_off_or_followed_by_more_is_another_one_or_none(body: Body, length: int) -> None:
    data = body.encode()
    for other in (*(data[:end] for end in range(0, length, max(1, length // 64))), data + b"\x00"):
        try:
            parsed = parse_body(body.kind, other)
        except EncodingError:
            continue
        assert parsed.encode() == other
        assert isinstance(parsed, TextBody | EditBody | ReactionBody | AttachmentBody | SyncSentBody)


WRONG: list[tuple[Body, dict[str, Any]]] = [
    (TextBody(None, "x"), {"text": ""}),
    (TextBody(None, "x"), {"text": "x" * 8193}),
    (TextBody(None, "x"), {"text": "\ud800"}),
    (TextBody(None, "x"), {"ref": bytes(16)}),
    (TextBody(None, "x"), {"ref": b"r" * 15}),
    (EditBody(REF, "x"), {"ref": bytes(16)}),
    (EditBody(REF, "x"), {"text": ""}),
    (ReactionBody(REF, True, "x"), {"sign": "x" * 33}),
    (ReactionBody(REF, True, "x"), {"sign": ""}),
    (ReceiptBody(True, (REF,)), {"messages": ()}),
    (ReceiptBody(True, (REF,)), {"messages": (REF,) * 17}),
    (ReceiptBody(True, (REF,)), {"messages": (bytes(16),)}),
    (RetryBody(((REF, UnreadableReason.TAG),)), {"envelopes": ()}),
    (RetryBody(((REF, UnreadableReason.TAG),)), {"envelopes": ((REF, UnreadableReason.TAG),) * 65}),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "a", "b", ""), {"name": "x" * 256}),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "a", "b", ""), {"name": "\udcff"}),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "a", "b", ""), {"key": b"k" * 31}),
    (AttachmentBody(b"f" * 16, b"k" * 32, 5, 6, b"h" * 32, "a", "b", ""), {"file_id": bytes(16)}),
    (STATE, {"epoch": 0}),
    (STATE, {"epoch": 1}),
    (STATE, {"prev_hash": bytes(32)}),
    (STATE, {"group_id": bytes(32)}),
    (STATE, {"members": ()}),
    (STATE, {"members": STATE.members[::-1]}),
    (STATE, {"members": STATE.members[:1] * 2}),
    (STATE, {"members": tuple((bytes([n]) * 16, b"K" * 32, False) for n in range(1, 34))}),
    (SyncSentBody(b"u" * 16, CORE), {"peer": None}),
    (SyncSentBody(b"u" * 16, CORE), {"core": GROUP_CORE}),
    (SyncReadBody(b"u" * 16, None, (REF,)), {"peer": None}),
    (SyncReadBody(b"u" * 16, None, (REF,)), {"group_id": b"g" * 32}),
    (SyncReadBody(b"u" * 16, None, (REF,)), {"messages": (REF,) * 256}),
    (SyncPinBody(b"u" * 16, "bob", b"k" * 32, True), {"user_id": bytes(16)}),
    (SyncPinBody(b"u" * 16, "bob", b"k" * 32, True), {"name": "x" * 129}),
    (SyncLabelBody(b"dddd", "laptop"), {"device": bytes(4)}),
]


@pytest.mark.negative(49)
@pytest.mark.parametrize(("body", "wrong"), WRONG, ids=lambda value: str(value)[:60])
def test_what_no_reader_would_take_is_not_written(body: Body, wrong: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        replace(body, **wrong).encode()


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    ("kind", "data"),
    [
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
    ],
)
def test_what_nobody_would_write_is_not_read(kind: Kind, data: bytes) -> None:
    with pytest.raises(EncodingError):
        parse_body(kind, data)


def test_a_groups_states_are_chained_by_their_hashes() -> None:
    following = replace(STATE, epoch=3, prev_hash=STATE.digest())
    assert following.digest() != STATE.digest()
    assert len(STATE.digest()) == 32


@pytest.mark.negative(34)
@given(st.sampled_from([*Kind, 200]), st.binary(max_size=300))
def test_any_bytes_are_a_body_or_an_encoding_error(kind: int, data: bytes) -> None:
    try:
        body = parse_body(kind, data)
    except EncodingError:
        return
    assert body.encode() == data


def test_every_error_has_the_reason_that_a_retry_gives() -> None:
    assert [
        unreadable_reason(error())
        for error in (SessionUnknown, PrekeyGone, TagInvalid, SkipTooFar, KeyGone, SessionReplayed)
    ] == list(UnreadableReason)
    assert unreadable_reason(SessionAhead()) is UnreadableReason.NO_SESSION
    for error in (SessionMismatch, KeyWorthless, EncodingError):
        assert unreadable_reason(error()) is UnreadableReason.TAG
