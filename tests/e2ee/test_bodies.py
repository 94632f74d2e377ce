"""Bodies: one encoding of each kind, and what is not one is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from secure_chat.e2ee.bodies import (
    BODIES,
    AttachmentBody,
    Body,
    EditBody,
    ReactionBody,
    ReceiptBody,
    RetryBody,
    SyncLabelBody,
    SyncPinBody,
    SyncReadBody,
    SyncSentBody,
    TextBody,
    UnknownBody,
    UnreadableReason,
    parse_body,
    unreadable_reason,
)
from secure_chat.e2ee.content import Kind
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
from tests.e2ee.samples import BAD_BODIES, CORE, GROUP_CORE, REF, STATE
from tests.e2ee.samples import BODIES as BODIES_AND_LENGTHS


@pytest.mark.parametrize(("body", "length"), BODIES_AND_LENGTHS, ids=lambda value: type(value).__name__)
def test_a_body_is_read_as_it_was_written(body: Body, length: int) -> None:
    data = body.encode()
    assert len(data) == length
    assert parse_body(body.kind, data) == body
    assert type(parse_body(body.kind, data)) is type(body)


def test_there_is_a_body_and_a_sample_of_every_kind() -> None:
    assert set(BODIES) == set(Kind) == {body.kind for body, _ in BODIES_AND_LENGTHS}


def test_a_kind_of_a_later_version_is_kept_as_it_came() -> None:
    assert parse_body(200, b"whatever") == UnknownBody(b"whatever")
    assert UnknownBody(b"whatever").encode() == b"whatever"


@pytest.mark.negative(35)
@pytest.mark.parametrize("body", [body for body, _ in BODIES_AND_LENGTHS], ids=lambda value: type(value).__name__)
def test_a_body_shows_its_name_alone(body: Body) -> None:
    assert repr(body) == f"<{type(body).__name__}>"


@pytest.mark.negative(49)
@pytest.mark.parametrize(("body", "length"), BODIES_AND_LENGTHS, ids=lambda value: type(value).__name__)
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
@pytest.mark.parametrize(("kind", "data"), BAD_BODIES)
def test_what_nobody_would_write_is_not_read(kind: int, data: bytes) -> None:
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
