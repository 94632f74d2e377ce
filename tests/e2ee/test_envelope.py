"""Envelopes: exactly the bytes of PROTOCOL.md 18.2, and the same to a server's eye and a client's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from secure_chat.e2ee.envelope import Envelope, InitFields, header
from secure_chat.e2ee.parties import Address
from secure_chat.errors import EncodingError, EnvelopeInvalid
from secure_chat.protocol.envelope_header import EnvelopeHeader
from tests.e2ee.pair import GEN, Talk


def test_an_envelope_is_as_long_as_it_must_be() -> None:
    talk = Talk()
    assert len(talk.first) == 155 + 768 + 1144
    assert len(talk.alice_sends("hello")) == 155 + 768
    assert len(talk.alice_sends("x" * 8192)) == 155 + 8704


def test_an_envelope_is_read_field_by_field() -> None:
    talk = Talk()
    envelope = Envelope.parse(talk.first)
    assert (envelope.type, envelope.pn, envelope.n) == (1, 0, 0)
    assert (envelope.sender, envelope.recipient) == (talk.alice.party.address, talk.bob.party.address)
    assert envelope.sid8 == talk.alices.sid[:8]
    init = envelope.init
    assert init is not None
    assert (init.gen, init.from_dl) == (GEN, 1)
    assert init.spk_id == talk.bob.signed.published.prekey.prekey_id
    assert init.otp_id == talk.bob.once.published.prekey.prekey_id
    assert envelope.header + envelope.commitment + envelope.sealed == talk.first
    chain = (envelope.ratchet_pub, envelope.pn, envelope.n)
    route = (envelope.sender, envelope.recipient, envelope.sid8)
    assert envelope.header == header(envelope.env_id, route, init, chain)


def test_a_server_reads_the_same_in_it() -> None:
    talk = Talk()
    for data in (talk.first, talk.alice_sends("hello")):
        envelope, seen = Envelope.parse(data), EnvelopeHeader.parse(data)
        assert (seen.envelope_id, seen.is_init) == (envelope.env_id, envelope.init is not None)
        assert Address(seen.sender.user_id, seen.sender.device_id) == envelope.sender
        assert Address(seen.recipient.user_id, seen.recipient.device_id) == envelope.recipient
        assert seen.padded_bytes == len(envelope.sealed) - 16


@pytest.mark.negative(6)
@pytest.mark.negative(49)
@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, b"\x00"),  # version
        (0, b"\x02"),
        (1, b"\x00"),  # suite
        (1, b"\x02"),
        (2, b"\x00"),  # type
        (2, b"\x02"),  # stripped of its init fields, and as long as before
        (2, b"\x03"),
        (3, bytes(16)),  # env_id
        (19, bytes(16)),  # from
        (35, bytes(4)),
        (39, bytes(16)),  # to
        (55, bytes(4)),
        (67, bytes(4)),  # gen
        (103, bytes(8)),  # SPK.id
        (119, bytes(4)),  # from_dl
    ],
)
def test_an_envelope_with_a_field_that_nobody_writes_is_refused(place: int, value: bytes) -> None:
    data = Talk().first
    with pytest.raises(EncodingError):
        Envelope.parse(data[:place] + value + data[place + len(value) :])


@pytest.mark.parametrize("field", ["gen", "from_dl"])
@pytest.mark.parametrize("number", [0, 2**32, -1])
def test_a_session_does_not_begin_with_a_number_that_its_reader_would_refuse(field: str, number: int) -> None:
    init = InitFields(GEN, b"e" * 32, b"s" * 8, None, 1, bytes(1088))
    assert InitFields.parse(init.encode()) == init
    with pytest.raises(EncodingError):
        replace(init, **{field: number}).encode()


def test_zeros_stand_for_no_one_time_prekey() -> None:
    without = Envelope.parse(Talk(with_once=False).first).init
    assert without is not None
    assert without.otp_id is None
    assert InitFields.parse(without.encode()) == without
    assert without.encode()[44:52] == bytes(8)


@pytest.mark.negative(15)
@pytest.mark.negative(49)
@pytest.mark.parametrize("answered", [True, False])
def test_an_envelope_of_another_length_is_refused_by_client_and_server(answered: bool) -> None:
    data = Talk(answered=answered).alice_sends("hello")
    for other in (*(data[:end] for end in range(len(data))), data + b"\x00", b""):
        with pytest.raises(EncodingError):
            Envelope.parse(other)
        with pytest.raises(EnvelopeInvalid):
            EnvelopeHeader.parse(other)


@pytest.mark.negative(34)
@given(st.integers(0, 2), st.binary(max_size=2100))
def test_any_bytes_are_an_envelope_or_an_encoding_error(kind: int, data: bytes) -> None:
    for candidate in (data, b"\x01\x01" + bytes([kind]) + data, b"\x01\x01\x02" + data.ljust(920, b"\x01")[:920]):
        try:
            envelope = Envelope.parse(candidate)
        except EncodingError:
            continue
        assert envelope.header + envelope.commitment + envelope.sealed == candidate
