"""Leaves: the rows of the table that the key log will be made of."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.directory.keys import UserId
from secure_chat.directory.leaf import Leaf, LeafType
from secure_chat.errors import EncodingError
from tests.directory.people import NOON, Device, Person

ALICE = Person("alice")
DIGEST = ALICE.signed_list(Device("laptop", 7)).digest()
LEAF = Leaf(LeafType.IDENTITY, ALICE.user_id, "alice", 1, DIGEST, NOON)


def test_a_leaf_has_the_published_size_and_fields_in_order() -> None:
    assert len(LEAF.encode()) == 65 + len("alice")
    assert LEAF.encode() == b"".join(
        (b"\x01", ALICE.user_id, b"\x00\x00\x00\x05alice", b"\x00\x00\x00\x01", DIGEST, NOON.to_bytes(8, "big"))
    )


def test_the_types_have_their_published_numbers() -> None:
    assert {kind.name: kind.value for kind in LeafType} == {
        "IDENTITY": 1,
        "DEVICE_LIST": 2,
        "DISABLE": 3,
        "DELETE": 4,
        "ENABLE": 5,
    }


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        LEAF.encode()[:-1],
        LEAF.encode() + b"\x00",
        b"\x00" + LEAF.encode()[1:],
        b"\x06" + LEAF.encode()[1:],
        b"\x01" + bytes(16) + LEAF.encode()[17:],
        LEAF.encode()[:17] + bytes(4) + LEAF.encode()[26:],
        LEAF.encode()[:26] + bytes(4) + LEAF.encode()[30:],
        LEAF.encode()[:30] + bytes(32) + LEAF.encode()[62:],
    ],
    ids=["nothing", "less", "more", "type 0", "type 6", "user_id of zeros", "no name", "version 0", "digest of zeros"],
)
def test_malformed_leaves_are_refused(data: bytes) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        Leaf.parse(data)


@pytest.mark.negative(49)
@pytest.mark.parametrize(
    "leaf",
    [
        replace(LEAF, user_id=UserId(bytes(16))),
        replace(LEAF, user_id=UserId(b"\x01" * 15)),
        replace(LEAF, name=""),
        replace(LEAF, name="x" * 129),
        replace(LEAF, version=0),
        replace(LEAF, version=2**32),
        replace(LEAF, digest=bytes(32)),
        replace(LEAF, digest=b"\x01" * 33),
        replace(LEAF, time=2**64),
    ],
)
def test_what_no_reader_would_take_is_not_written(leaf: Leaf) -> None:
    """(negative test 49)"""
    with pytest.raises(EncodingError):
        leaf.encode()


@given(
    st.sampled_from(LeafType),
    st.binary(min_size=16, max_size=16).filter(any),
    st.text(min_size=1, max_size=32),
    st.integers(1, 2**32 - 1),
    st.binary(min_size=32, max_size=32).filter(any),
    st.integers(0, 2**64 - 1),
)
def test_every_leaf_is_read_as_it_was_written(
    kind: LeafType, user_id: bytes, name: str, version: int, digest: bytes, time: int
) -> None:
    leaf = Leaf(kind, UserId(user_id), name, version, digest, time)
    assert Leaf.parse(leaf.encode()) == leaf


@pytest.mark.negative(34)
@given(st.one_of(st.binary(max_size=120), st.binary(max_size=6).map(lambda head: head + LEAF.encode()[len(head) :])))
def test_any_bytes_are_one_leaf_exactly_or_an_encoding_error(data: bytes) -> None:
    """(negative test 34, for leaves)"""
    try:
        leaf = Leaf.parse(data)
    except EncodingError:
        return
    assert leaf.encode() == data
