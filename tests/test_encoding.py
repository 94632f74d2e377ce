"""The encoding of what is signed: one form for each value, and everything else refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.encoding import (
    LABEL,
    Reader,
    Writer,
    decode_base32,
    decode_base64,
    decode_base64url,
    encode_base32,
    encode_base64,
    encode_base64url,
    tag,
)
from secure_chat.errors import EncodingError


def test_a_tag_is_the_label_the_name_and_a_zero_byte() -> None:
    assert LABEL == b"secure_chat/e2ee/1 "
    assert len(LABEL) == 19
    assert tag("dl") == b"secure_chat/e2ee/1 dl\x00"


@pytest.mark.parametrize("name", ["", "a\x00b", "ä", "a\nb"])
def test_a_name_that_could_make_two_tags_alike_is_refused(name: str) -> None:
    with pytest.raises(EncodingError):
        tag(name)


def test_fields_are_big_endian_and_bare() -> None:
    written = Writer().u8(1).u32(2).u64(3).fixed(b"ab", 2).text("é").rest(b"end").finish()
    assert written == bytes.fromhex("01 00000002 0000000000000003 6162 00000002 c3a9 656e64")
    reader = Reader(written)
    assert (reader.u8(), reader.u32(), reader.u64(), reader.fixed(2), reader.text(2)) == (1, 2, 3, b"ab", "é")
    assert reader.position == len(written) - 3
    assert reader.rest() == b"end"
    reader.end()


@given(st.integers(0, 255), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1), st.text(max_size=50), st.binary())
def test_what_is_written_is_read_back(small: int, middle: int, large: int, text: str, rest: bytes) -> None:
    reader = Reader(Writer().u8(small).u32(middle).u64(large).text(text).rest(rest).finish())
    assert (reader.u8(), reader.u32(), reader.u64(), reader.text(200), reader.rest()) == (
        small,
        middle,
        large,
        text,
        rest,
    )
    reader.end()


@pytest.mark.parametrize("value", [-1, 256])
def test_a_number_that_does_not_fit_is_not_written(value: int) -> None:
    with pytest.raises(EncodingError):
        Writer().u8(value)


@pytest.mark.negative(49)
@pytest.mark.parametrize("width", [15, 17])
def test_a_field_of_another_width_is_not_written(width: int) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        Writer().fixed(bytes(width), 16)


@pytest.mark.negative(49)
def test_an_identifier_of_zeros_is_neither_written_nor_read() -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        Writer().identifier(bytes(16), 16)
    with pytest.raises(EncodingError):
        Reader(bytes(16)).identifier(16)


def test_zeros_are_legal_only_where_they_mean_none() -> None:
    assert Writer().identifier_or_none(None, 8).identifier_or_none(b"12345678", 8).finish() == bytes(8) + b"12345678"
    reader = Reader(bytes(8) + b"12345678")
    assert (reader.identifier_or_none(8), reader.identifier_or_none(8)) == (None, b"12345678")
    with pytest.raises(EncodingError):
        Writer().identifier_or_none(bytes(8), 8)


def test_a_text_with_a_lone_surrogate_is_not_written() -> None:
    with pytest.raises(EncodingError):
        Writer().text("\ud800")


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\x00\x00\x02\xc3\x28",  # not UTF-8
        b"\x00\x00\x00\x02\xc0\x80",  # an overlong zero
        b"\x00\x00\x00\x03\xed\xa0\x80",  # a surrogate
        b"\x00\x00\x00\x03ab",  # cut off
        b"\xff\xff\xff\xff",  # four gigabytes announced
    ],
)
def test_a_text_that_is_not_utf8_or_not_there_is_refused(data: bytes) -> None:
    with pytest.raises(EncodingError):
        Reader(data).text(2**32)


def test_a_text_above_its_limit_is_refused_by_its_declared_length_alone() -> None:
    with pytest.raises(EncodingError, match=r"4294967295 bytes .* at most 128"):
        Reader(b"\xff\xff\xff\xff").text(128)


def test_a_byte_after_the_last_field_is_refused() -> None:
    reader = Reader(b"\x01\x02")
    reader.u8()
    with pytest.raises(EncodingError, match="1 bytes follow"):
        reader.end()


def test_a_pin_is_26_base32_characters_in_groups_of_four() -> None:
    pin = encode_base32(bytes(range(16)))
    assert pin == "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4"
    assert decode_base32(pin, 16) == bytes(range(16))


@given(st.binary(max_size=40))
def test_a_code_copied_with_other_case_spaces_and_digits_is_read(data: bytes) -> None:
    code = encode_base32(data)
    copied = " " + code.lower().replace("-", "  ").replace("o", "0").replace("i", "1").replace("b", "8") + "\n"
    assert decode_base32(copied, len(data)) == data


@pytest.mark.parametrize(
    "text",
    [
        "",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B4A",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B5",  # surplus bits that are not zero
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B=",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-B9",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-Bé",
        "AAAQ-EAYE-AUDA-OCAJ-BIFQ-YDIO-\N{LATIN SMALL LETTER SHARP S}",  # upper() makes two letters of it
    ],
)
def test_a_code_that_was_not_made_here_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        decode_base32(text, 16)


@given(st.binary(max_size=80))
def test_base64_goes_there_and_back(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data), len(data)) == data
    assert decode_base64(encode_base64(data), len(data)) == data


def test_sixteen_bytes_are_22_characters_of_base64url_and_32_are_44_of_base64() -> None:
    assert len(encode_base64url(bytes(16))) == 22
    assert len(encode_base64(bytes(32))) == 44


@pytest.mark.negative(43)
@pytest.mark.parametrize(
    "text",
    [
        "AB",  # surplus bits: the canonical form is AA
        "AA==",
        "A",
        "A-B_\n",
        " AAAA",
        "AA!AA",
        "AA+/",
        "AAé",
        "AA\ud800A",
    ],
)
def test_base64url_that_would_not_be_written_the_same_again_is_refused(text: str) -> None:
    """(negative test 43)"""
    with pytest.raises(EncodingError):
        decode_base64url(text)


@pytest.mark.parametrize("text", ["AB==", "AA", "AA=", "AA== ", "AAAA\n", "A-B_", "AA!=", "AAé="])
def test_base64_that_would_not_be_written_the_same_again_is_refused(text: str) -> None:
    with pytest.raises(EncodingError):
        decode_base64(text)


def test_base64_of_another_length_is_refused() -> None:
    with pytest.raises(EncodingError, match="2 bytes stand where 3 belong"):
        decode_base64url(encode_base64url(b"ab"), 3)


@given(st.text(max_size=60))
def test_a_decoder_accepts_only_what_the_encoder_writes(text: str) -> None:
    for decode, encode in ((decode_base64url, encode_base64url), (decode_base64, encode_base64)):
        try:
            data = decode(text)
        except EncodingError:
            continue
        assert encode(data) == text
