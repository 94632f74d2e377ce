"""The inviter's pin: bound to account, name and identity."""

import hashlib

import pytest

from secure_chat.directory.keys import UserId
from secure_chat.directory.pins import inviter_pin
from secure_chat.encoding import tag
from secure_chat.errors import EncodingError
from tests.directory.people import Person

ALICE = Person("alice")


def test_the_inviters_pin_is_a_tagged_hash_of_16_bytes() -> None:
    hashed = tag("inviter-pin") + ALICE.user_id + b"\x00\x00\x00\x05alice" + ALICE.identity_key.raw
    assert inviter_pin(ALICE.user_id, "alice", ALICE.identity_key) == hashlib.sha256(hashed).digest()[:16]


@pytest.mark.negative(43)
def test_another_account_name_or_identity_has_another_pin() -> None:
    """(negative test 43, the part of the pin)"""
    pins = {
        inviter_pin(ALICE.user_id, "alice", ALICE.identity_key),
        inviter_pin(Person("bob").user_id, "alice", ALICE.identity_key),
        inviter_pin(ALICE.user_id, "alicf", ALICE.identity_key),
        inviter_pin(ALICE.user_id, "alice", ALICE.with_new_identity().identity_key),
    }
    assert len(pins) == 4


@pytest.mark.negative(49)
@pytest.mark.parametrize("user_id", [bytes(16), b"\x01" * 15])
def test_a_pin_of_no_account_is_not_made(user_id: bytes) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        inviter_pin(UserId(user_id), "alice", ALICE.identity_key)
