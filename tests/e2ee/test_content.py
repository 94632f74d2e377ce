"""The content and its core: one encoding each, every rule of its fields, and what is the same for all recipients."""

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from secure_chat.e2ee.bodies import ReactionBody, ReceiptBody, TextBody
from secure_chat.e2ee.content import COUNTED, Content, Core, Kind, ListView, core_hash
from secure_chat.e2ee.padding import pad
from secure_chat.encoding import LABEL, Reader
from secure_chat.errors import EncodingError
from tests.e2ee.samples import BAD_CONTENTS, CONTENTS, FULL, GROUP, LISTS, SEEN, TEXT


@pytest.mark.parametrize("content", [pytest.param(content, id=what) for what, content in CONTENTS])
def test_a_content_is_read_as_it_was_written(content: Content) -> None:
    assert Content.parse(content.encode()) == content
    assert Core.read(Reader(content.core().encode())) == content.core()


def test_a_content_is_as_long_as_protocol_md_says() -> None:
    assert len(TEXT.encode()) == 182 + len(TEXT.body)
    assert len(FULL.encode()) == 182 + 68 + 1 + 4 * 28 + 16 + len(FULL.body)
    assert len(TEXT.core().encode()) == 70 + len(TEXT.body)
    assert len(FULL.core().encode()) == 70 + 68 + len(FULL.body)


@pytest.mark.negative(32)
@pytest.mark.parametrize("length", [1, 100, 359, 360])
def test_all_short_texts_and_small_kinds_are_of_one_size(length: int) -> None:
    full = replace(FULL, body=TextBody(b"a" * 16, "x" * length).encode())
    bare = replace(TEXT, body=TextBody(None, "x" * length).encode())
    receipt = replace(TEXT, kind=Kind.RECEIPT, seq=0, body=ReceiptBody(True, (b"r" * 16,) * 16).encode())
    reaction = replace(TEXT, kind=Kind.REACTION, body=ReactionBody(b"r" * 16, True, "x" * 32).encode())
    ack = replace(TEXT, kind=Kind.ACK, seq=0, body=b"")
    assert {len(pad(content.encode())) for content in (full, bare, receipt, reaction, ack)} == {768}


def test_the_core_is_the_same_whatever_the_recipient() -> None:
    for_one = replace(TEXT, lists=ListView(5, b"x" * 32, 6, b"y" * 32), seen=SEEN, orig_env=b"o" * 16)
    assert for_one.core() == TEXT.core()
    assert core_hash(for_one) == core_hash(TEXT)
    assert core_hash(TEXT) == hashlib.sha256(LABEL + b"core\x00" + TEXT.core().encode()).digest()
    assert core_hash(replace(TEXT, group=GROUP)) != core_hash(TEXT)


WRONG: list[dict[str, Any]] = [
    {"msg_id": bytes(16)},
    {"msg_id": b"m" * 15},
    {"msg_id": b"m" * 17},
    {"sent_at": -1},
    {"sent_at": 2**64},
    {"expire_s": 2**32},
    {"kind": 256},
    {"seq": 0},
    {"seq": 2},
    {"seq": 1, "prev": b"p" * 32},
    {"prev": b"p" * 31, "seq": 2},
    {"kind": Kind.ACK, "seq": 1},
    {"kind": Kind.RECEIPT, "seq": 2, "prev": b"p" * 32},
    {"lists": LISTS._replace(sender_version=0)},
    {"lists": LISTS._replace(recipient_version=0)},
    {"lists": LISTS._replace(sender_digest=b"d" * 33)},
    {"sth_size": 1},
    {"sth_root": b"r" * 32},
    {"group": GROUP._replace(group_id=bytes(32))},
    {"group": GROUP._replace(epoch=0)},
    {"group": GROUP._replace(group_hash=bytes(32))},
    {"seen": (*SEEN, SEEN[0])},
    {"seen": (SEEN[0]._replace(user=bytes(16)),)},
    {"seen": (SEEN[0]._replace(device=0),)},
    {"seen": (SEEN[0]._replace(device=2**32),)},
    {"seen": (SEEN[0]._replace(seq=0),)},
    {"orig_env": bytes(16)},
    {"orig_env": b"o" * 15},
]


@pytest.mark.negative(49)
@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_no_reader_would_take_is_not_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        replace(TEXT, **wrong).encode()


@pytest.mark.negative(49)
@pytest.mark.parametrize("data", [pytest.param(data, id=what) for what, data in BAD_CONTENTS])
def test_what_nobody_would_write_is_not_read(data: bytes) -> None:
    with pytest.raises(EncodingError):
        Content.parse(data)


@pytest.mark.negative(49)
@pytest.mark.parametrize("content", [TEXT, FULL])
def test_a_content_that_is_cut_off_before_its_body_is_refused(content: Content) -> None:
    data = content.encode()
    for length in range(len(data) - len(content.body)):
        with pytest.raises(EncodingError):
            Content.parse(data[:length])


@pytest.mark.negative(49)
def test_a_core_with_another_flag_or_cut_off_is_refused() -> None:
    data = TEXT.core().encode()
    with pytest.raises(EncodingError):
        Core.read(Reader(data[:1] + b"\x02" + data[2:]))
    for length in range(70):
        with pytest.raises(EncodingError):
            Core.read(Reader(data[:length]))


def test_every_kind_is_counted_or_not() -> None:
    assert {kind for kind in Kind if kind not in COUNTED} == {
        *(Kind.RECEIPT, Kind.TYPING, Kind.RETRY, Kind.SESSION_CLOSE, Kind.ACK),
        *(Kind.SYNC_SENT, Kind.SYNC_READ, Kind.SYNC_PIN, Kind.SYNC_LABEL),
    }


@pytest.mark.parametrize("seq", [0, 1])
def test_a_kind_of_a_later_version_may_be_counted_or_not(seq: int) -> None:
    content = replace(TEXT, kind=99, seq=seq)
    assert Content.parse(content.encode()) == content


@pytest.mark.negative(34)
@given(st.binary(max_size=600))
def test_any_bytes_are_a_content_or_an_encoding_error(data: bytes) -> None:
    try:
        content = Content.parse(data)
    except EncodingError:
        return
    assert content.encode() == data


@pytest.mark.negative(34)
@given(st.integers(0, len(FULL.encode()) - 1), st.integers(0, 255))
def test_a_content_with_any_byte_changed_is_another_one_or_an_encoding_error(place: int, value: int) -> None:
    data = bytearray(FULL.encode())
    data[place] = value
    try:
        content = Content.parse(bytes(data))
    except EncodingError:
        return
    assert content.encode() == bytes(data)
