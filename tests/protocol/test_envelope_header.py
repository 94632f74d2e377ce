"""The header of an envelope: all that a server reads of it, and everything that it refuses."""

import contextlib
import math
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.errors import DirectMismatch, EnvelopeInvalid
from secure_chat.limits import MAX_DEVICES_PER_USER, MAX_ENVELOPE_BYTES, MAX_FRAME_BYTES, MAX_PADDED_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.codec import decode_command, encode
from secure_chat.protocol.envelope_header import PADDED_SIZES, EnvelopeHeader, checked_id, padded_size, route
from secure_chat.protocol.frames import split_frames
from tests.support.envelopes import address, envelope_between

ALICE = address(b"\x01" * 16, 7)
BOB = address(b"\x02" * 16, 2**32 - 1)
ID = b"\x03" * 16
sizes = st.sampled_from(sorted(PADDED_SIZES))


@given(sizes, st.booleans())
def test_the_header_says_from_whom_for_whom_and_how_much(padded: int, init: bool) -> None:
    envelope = envelope_between(ALICE, BOB, padded=padded, init=init, envelope_id=ID)

    header = EnvelopeHeader.parse(envelope)

    assert header == EnvelopeHeader(1, init, ID, ALICE, BOB, padded)
    header.check_route(ALICE, BOB)


@pytest.mark.parametrize("padded", [768, 1536, 16_384])
@pytest.mark.parametrize(
    ("position", "value"),
    [
        (0, b"\x00"),  # version
        (0, b"\x02"),
        (1, b"\x00"),  # suite
        (1, b"\x02"),
        (2, b"\x00"),  # type
        (2, b"\x03"),
        (3, bytes(16)),  # id
        (19, bytes(16)),  # sender's user id
        (35, bytes(4)),  # sender's device
        (39, bytes(16)),  # recipient's user id
        (55, bytes(4)),  # recipient's device
    ],
)
@pytest.mark.negative(57)
def test_a_header_that_no_client_writes_is_refused(padded: int, position: int, value: bytes) -> None:
    envelope = bytearray(envelope_between(ALICE, BOB, padded=padded))
    envelope[position : position + len(value)] = value
    with pytest.raises(EnvelopeInvalid):
        EnvelopeHeader.parse(bytes(envelope))


@pytest.mark.parametrize("init", [False, True])
@pytest.mark.parametrize("padded", [0, 767, 769, 1535, 2000, 3073, 8448, 16_383, 16_385])
@pytest.mark.negative(57)
def test_a_size_that_no_padding_makes_is_refused(padded: int, init: bool) -> None:
    with pytest.raises(EnvelopeInvalid):
        EnvelopeHeader.parse(envelope_between(ALICE, BOB, padded=padded, init=init))


def test_the_type_decides_where_the_content_begins() -> None:
    """An init with the length of a normal envelope, and the other way round, has no padded size left."""
    for init in (False, True):
        envelope = bytearray(envelope_between(ALICE, BOB, init=init))
        envelope[2] = 2 if init else 1
        with pytest.raises(EnvelopeInvalid):
            EnvelopeHeader.parse(bytes(envelope))


@given(st.binary(max_size=2000))
@pytest.mark.negative(34)
def test_arbitrary_bytes_raise_nothing_but_the_parsers_own_error(data: bytes) -> None:
    with contextlib.suppress(EnvelopeInvalid):
        EnvelopeHeader.parse(data)


@given(st.data(), sizes, st.booleans())
@pytest.mark.negative(34)
def test_every_beginning_of_an_envelope_is_refused_or_names_its_own_size(
    data: st.DataObject, padded: int, init: bool
) -> None:
    envelope = envelope_between(ALICE, BOB, padded=padded, init=init)
    cut = envelope[: data.draw(st.integers(0, len(envelope) - 1))]
    with contextlib.suppress(EnvelopeInvalid):
        assert EnvelopeHeader.parse(cut).padded_bytes < padded


@pytest.mark.parametrize(
    "other",
    [address(b"\x02" * 16, 7), address(b"\x01" * 16, 8)],
    ids=["another user", "another device"],
)
@pytest.mark.negative(11)
def test_an_envelope_goes_only_from_its_sender_to_its_recipient(other: object) -> None:
    header = EnvelopeHeader.parse(envelope_between(ALICE, BOB))
    assert isinstance(other, type(ALICE))
    with pytest.raises(DirectMismatch):
        header.check_route(other, BOB)
    with pytest.raises(DirectMismatch):
        header.check_route(ALICE, other)
    with pytest.raises(DirectMismatch):
        header.check_route(BOB, ALICE)


@given(st.data(), st.sampled_from([768, 769, 1536, 16_384]), st.booleans())
@pytest.mark.negative(11)
def test_the_short_way_to_an_id_takes_and_refuses_what_the_long_one_does(
    data: st.DataObject, padded: int, init: bool
) -> None:
    ends = st.sampled_from([ALICE, BOB, address(bytes(16), 7), address(ALICE.user_id, 8)])
    envelope = bytearray(envelope_between(ALICE, BOB, padded=padded, init=init, envelope_id=ID))
    place = data.draw(st.integers(0, 60))
    envelope[place : place + 16] = data.draw(st.sampled_from([envelope[place : place + 16], bytes(16), b"\x01" * 16]))
    whole = bytes(envelope[: data.draw(st.sampled_from([len(envelope), 59, 58, 10, 0]))])
    sender, recipient = data.draw(ends), data.draw(ends)

    def the_long_way() -> bytes:
        header = EnvelopeHeader.parse(whole)
        header.check_route(sender, recipient)
        return header.envelope_id

    def the_short_way() -> bytes:
        return checked_id(whole, route(sender.user_id, sender.device_id, recipient.user_id, recipient.device_id))

    answers: list[object] = []
    for way in (the_long_way, the_short_way):
        try:
            answers.append(way())
        except (EnvelopeInvalid, DirectMismatch) as error:
            answers.append((type(error), str(error)))
    assert answers[0] == answers[1]


@given(st.integers(1, MAX_PADDED_BYTES))
def test_padding_is_three_fixed_sizes_and_then_padme(length: int) -> None:
    """Nikitin et al., Reducing Metadata Leakage from Encrypted Files and Communication with PURBs, 4.2."""
    size = padded_size(length)

    assert size >= length
    if length <= 3072:
        assert size == min(fixed for fixed in (768, 1536, 3072) if fixed >= length)
    else:
        exponent = math.floor(math.log2(length))
        step = 2 ** (exponent - (math.floor(math.log2(exponent)) + 1))
        assert size % step == 0
        assert size - length < step
        assert size <= 1.12 * length
    assert padded_size(size) == size
    assert size in PADDED_SIZES


def test_the_largest_envelope_is_the_limit() -> None:
    largest = envelope_between(ALICE, BOB, padded=MAX_PADDED_BYTES, init=True)
    assert max(PADDED_SIZES) == MAX_PADDED_BYTES
    assert len(largest) == MAX_ENVELOPE_BYTES == 17_683
    assert len(PADDED_SIZES) == 43


@pytest.mark.negative(53)
def test_eight_devices_with_the_largest_content_fit_one_frame() -> None:
    parts = [
        c.DirectPart(device, envelope_between(ALICE, address(b"\x02" * 16, device), padded=MAX_PADDED_BYTES, init=True))
        for device in range(2**32 - MAX_DEVICES_PER_USER, 2**32)
    ]
    command = c.DirectSend(2**32 - 1, b"\x02" * 16, parts)

    frame = encode(command)

    assert len(frame) < MAX_FRAME_BYTES
    assert decode_command(split_frames(frame)[0]) == command
    said = e.DirectEnvelope(parts[0].envelope, 2**63 - 1, "x" * 128)
    assert len(encode(said)) < 18_000


def test_no_envelope_stands_in_a_repr() -> None:
    envelope = secrets.token_bytes(923)
    shown = repr(c.DirectSend(1, ID, [c.DirectPart(7, envelope)])) + repr(e.DirectEnvelope(envelope, 1, "alice"))
    shown += repr(c.DirectPart(7, envelope))
    assert envelope.hex()[:16] not in shown
    assert repr(envelope)[2:10] not in shown
