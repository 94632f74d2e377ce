"""Safety numbers: both sides see one number, and everything that makes a person this person is in it."""

import hashlib
from dataclasses import replace

import pytest

from secure_chat.directory.keys import IdentityPublicKey, UserId
from secure_chat.e2ee.safety_number import ROUNDS, FingerprintParty, check_qr, qr_payload, safety_number
from secure_chat.encoding import LABEL
from secure_chat.errors import EncodingError, NumberDiffers

SERVER = b"s" * 32
ALICE = FingerprintParty(UserId(b"a" * 16), "alice", IdentityPublicKey(b"\xaa" * 32))
BOB = FingerprintParty(UserId(b"b" * 16), "bob", IdentityPublicKey(b"\xbb" * 32))


def test_both_sides_see_the_same_sixty_digits() -> None:
    number = safety_number(ALICE, BOB, SERVER)
    assert number == safety_number(BOB, ALICE, SERVER)
    groups = number.split(" ")
    assert len(groups) == 12
    assert all(len(group) == 5 and group.isdigit() for group in groups)


def test_the_digits_are_computed_as_protocol_md_says() -> None:
    halves = []
    for party in (ALICE, BOB):
        name = party.name.encode()
        digest = hashlib.sha512(
            LABEL
            + b"fingerprint\x00"
            + party.user_id
            + len(name).to_bytes(4, "big")
            + name
            + party.identity_key.raw
            + SERVER
        ).digest()
        for _ in range(ROUNDS):
            digest = hashlib.sha512(digest + party.identity_key.raw).digest()
        halves.append(" ".join(f"{int.from_bytes(digest[at : at + 5], 'big') % 100_000:05}" for at in range(0, 30, 5)))
    assert safety_number(ALICE, BOB, SERVER) == " ".join(sorted(halves))


DIFFERENT = (
    replace(BOB, name="bobby"),
    replace(BOB, user_id=UserId(b"c" * 16)),
    replace(BOB, identity_key=IdentityPublicKey(b"\xbc" + b"\xbb" * 31)),
)


@pytest.mark.negative(10)
@pytest.mark.negative(66)
def test_another_name_user_server_or_key_has_another_number() -> None:
    numbers = {safety_number(ALICE, party, SERVER) for party in (BOB, *DIFFERENT)}
    numbers.add(safety_number(ALICE, BOB, b"t" * 32))
    assert len(numbers) == 5


def test_a_code_shown_by_the_other_side_is_checked() -> None:
    payload = qr_payload(BOB, ALICE, SERVER, 7, b"r" * 32)
    assert len(payload) == 105
    assert payload[-40:] == (7).to_bytes(8, "big") + b"r" * 32
    check_qr(payload, ALICE, BOB, SERVER)


@pytest.mark.negative(66)
def test_a_code_of_anybody_else_is_refused() -> None:
    shown = [qr_payload(party, ALICE, SERVER) for party in DIFFERENT]
    shown += [qr_payload(BOB, ALICE, b"t" * 32), qr_payload(BOB, replace(ALICE, name="alicia"), SERVER)]
    shown.append(qr_payload(ALICE, BOB, SERVER))  # an own code, shown back
    for payload in shown:
        with pytest.raises(NumberDiffers):
            check_qr(payload, ALICE, BOB, SERVER)


@pytest.mark.negative(49)
def test_what_is_no_code_is_refused() -> None:
    payload = qr_payload(BOB, ALICE, SERVER)
    for wrong in (b"", payload[:-1], payload + b"\x00", b"\x02" + payload[1:]):
        with pytest.raises(EncodingError):
            check_qr(wrong, ALICE, BOB, SERVER)
