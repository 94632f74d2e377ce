"""A sealed row opens at its own address, and nowhere else."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.client.vault.rows import NONCE_BYTES, RowAddress, open_row, seal_row
from secure_chat.errors import EncodingError, VaultDamaged

KEY, NONCE = bytes(range(32)), bytes(range(100, 100 + NONCE_BYTES))
HERE = RowAddress("draft", "lobby", 1, 7)
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/e2ee/vault.json").read_text("utf-8"))


@given(st.binary(max_size=500))
def test_a_row_opens_where_it_was_sealed(record: bytes) -> None:
    sealed = seal_row(KEY, HERE, record, NONCE)
    assert len(sealed) == len(record) + 16
    assert open_row(KEY, HERE, sealed, NONCE) == record


@pytest.mark.parametrize(
    "elsewhere",
    [
        RowAddress("read_marker", "lobby", 1, 7),
        RowAddress("draft", "dev", 1, 7),
        RowAddress("draft", "lobby", 2, 7),
        RowAddress("draft", "lobby", 1, 8),
        RowAddress("draft", "lobby", 1, 6),
        RowAddress("draftl", "obby", 1, 7),
        RowAddress("draft", "lobby", 2**16, 7),
        RowAddress("draft", "lobby", 1, 2**64),
        RowAddress("draft", "lobby", -1, 7),
        RowAddress("dr\ud800aft", "lobby", 1, 7),
    ],
)
@pytest.mark.negative(70)
def test_a_row_moved_relabelled_or_put_back_is_refused(elsewhere: RowAddress) -> None:
    sealed = seal_row(KEY, HERE, b"text", NONCE)
    with pytest.raises(VaultDamaged) as refusal:
        open_row(KEY, elsewhere, sealed, NONCE)
    assert refusal.value.code == "vault.damaged"


@pytest.mark.negative(29)
def test_a_row_with_any_bit_flipped_cut_or_lengthened_is_refused() -> None:
    sealed = seal_row(KEY, HERE, b"text", NONCE)
    flipped = [
        sealed[:position] + bytes([sealed[position] ^ 1 << bit]) + sealed[position + 1 :]
        for position in range(len(sealed))
        for bit in range(8)
    ]
    for other in (*flipped, sealed[:-1], sealed + b"\x00", b"", sealed[:3]):
        with pytest.raises(VaultDamaged):
            open_row(KEY, HERE, other, NONCE)


@pytest.mark.parametrize("nonce", [bytes(24), NONCE[:-1], NONCE + b"\x00", b""])
def test_a_row_under_another_nonce_or_key_is_refused(nonce: bytes) -> None:
    sealed = seal_row(KEY, HERE, b"text", NONCE)
    with pytest.raises(VaultDamaged):
        open_row(KEY, HERE, sealed, nonce)
    with pytest.raises(VaultDamaged):
        open_row(bytes(32), HERE, sealed, NONCE)


def test_a_number_that_does_not_fit_is_never_sealed() -> None:
    with pytest.raises((EncodingError, OverflowError)):
        seal_row(KEY, RowAddress("draft", "lobby", 1, 2**64), b"", NONCE)


@pytest.mark.parametrize("vector", VECTORS["rows"], ids=lambda vector: vector["table"])
def test_the_frozen_rows_are_sealed_and_opened(vector: dict[str, str]) -> None:
    address = RowAddress(vector["table"], vector["row_id"], int(vector["schema"]), int(vector["generation"]))
    key, nonce, record = (bytes.fromhex(vector[part]) for part in ("key", "nonce", "record"))
    assert address.encode().hex() == vector["associated"]
    assert seal_row(key, address, record, nonce).hex() == vector["sealed"]
    assert open_row(key, address, bytes.fromhex(vector["sealed"]), nonce) == record
