"""Padding: few sizes, exactly one padded form of each content."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.e2ee.padding import pad, unpad
from secure_chat.errors import ContentInvalid, MessageTooLong
from secure_chat.protocol.envelope_header import PADDED_SIZES


@pytest.mark.parametrize(
    ("length", "size"),
    [
        (0, 768),
        (767, 768),
        (768, 1536),
        (1535, 1536),
        (1536, 3072),
        (3071, 3072),
        (3072, 3200),
        (4095, 4096),
        (4096, 4352),
        (8191, 8192),
        (8192, 8704),
        (16383, 16384),
    ],
)
def test_a_content_is_padded_to_the_next_size(length: int, size: int) -> None:
    padded = pad(b"x" * length)
    assert len(padded) == size
    assert unpad(padded) == b"x" * length


def test_what_is_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(MessageTooLong):
        pad(bytes(16_384))


@given(st.binary(max_size=16_383))
def test_every_content_comes_back(content: bytes) -> None:
    padded = pad(content)
    assert len(padded) in PADDED_SIZES
    assert len(padded) <= max(768, (len(content) + 1) * 2)
    assert unpad(padded) == content


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "padded",
    [
        b"",
        bytes(768),
        b"x" * 768,
        b"x\x80" + bytes(765),
        b"x\x80" + bytes(767),
        b"x\x80" + bytes(1534),
        b"x\x81" + bytes(766),
        b"x" * 768 + b"\x80" + bytes(3072 - 769),
        b"\x80" + bytes(16_384),
        b"x" * 16_384 + b"\x80" + bytes(1023),
    ],
)
def test_what_pad_would_not_have_written_is_refused(padded: bytes) -> None:
    with pytest.raises(ContentInvalid):
        unpad(padded)
