"""A recovery key is read back from any hand, and a slip of the pen is seen."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secure_chat.e2ee.recovery_kit import parse_recovery_key, recovery_key
from secure_chat.errors import RecoveryKeyInvalid

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/e2ee/recovery_key.json").read_text("utf-8"))
ALPHABET = string.ascii_uppercase + "234567"
SEED = bytes(range(32))


@pytest.mark.parametrize("vector", VECTORS["recovery_keys"], ids=lambda vector: vector["key"][:4])
def test_the_frozen_keys_are_written_and_read(vector: dict[str, str]) -> None:
    assert recovery_key(bytes.fromhex(vector["seed"])) == vector["key"]
    assert parse_recovery_key(vector["key"]).hex() == vector["seed"]


@given(st.binary(min_size=32, max_size=32))
def test_every_seed_comes_back(seed: bytes) -> None:
    assert parse_recovery_key(recovery_key(seed)) == seed


def test_a_key_is_fourteen_groups_of_four() -> None:
    groups = recovery_key(SEED).split("-")
    assert len(groups) == 14
    assert all(len(group) == 4 and set(group) <= set(ALPHABET) for group in groups)


def test_case_spaces_and_dashes_do_not_matter() -> None:
    key = recovery_key(SEED)
    for typed in (key.lower(), key.replace("-", ""), key.replace("-", " "), f"  {key}\n", key.replace("-", " - ")):
        assert parse_recovery_key(typed) == SEED


@given(st.integers(0, 55), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_seen(position: int, character: str) -> None:
    typed = recovery_key(SEED).replace("-", "")
    wrong = typed[:position] + character + typed[position + 1 :]
    if wrong == typed:
        assert parse_recovery_key(wrong) == SEED
        return
    with pytest.raises(RecoveryKeyInvalid) as refusal:
        parse_recovery_key(wrong)
    assert refusal.value.code == "recovery.invalid"


def test_two_exchanged_groups_are_seen() -> None:
    groups = recovery_key(SEED).split("-")
    groups[2], groups[9] = groups[9], groups[2]
    with pytest.raises(RecoveryKeyInvalid):
        parse_recovery_key("-".join(groups))


@pytest.mark.parametrize("typed", ["", "ABCD", "A" * 55, "A" * 57, "!" * 56, "\u00e9" * 56, "9" * 56, "A" * 100_000])
def test_what_is_no_key_is_refused(typed: str) -> None:
    with pytest.raises(RecoveryKeyInvalid):
        parse_recovery_key(typed)


@given(st.text(max_size=80))
def test_any_text_gives_a_seed_or_a_typed_error(typed: str) -> None:
    try:
        seed = parse_recovery_key(typed)
    except RecoveryKeyInvalid:
        return
    assert len(seed) == 32


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_only_a_seed_of_32_bytes_has_a_key(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        recovery_key(bytes(length))


def test_an_error_does_not_show_what_was_typed() -> None:
    typed = recovery_key(SEED)[:-1] + "?"
    with pytest.raises(RecoveryKeyInvalid) as refusal:
        parse_recovery_key(typed)
    assert typed[:9] not in str(refusal.value)
