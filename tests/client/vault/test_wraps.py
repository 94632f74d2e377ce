"""A wrap opens under its passphrase alone, and nobody who alters it gains anything."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl import pwhash

from secure_chat import limits
from secure_chat.client.vault.wraps import DEFAULT_COST, IDENTITY_TAG, VAULT_TAG, Cost, Header, Wrap
from secure_chat.errors import VaultDamaged, VaultPassphrase, VaultVersion
from tests.client.vault.vaults import FLOOR, SEED, counting_bytes

OLD, NEW = b"old passphrase", b"new passphrase"
VECTORS = json.loads((Path(__file__).parents[2] / "vectors/e2ee/vault.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def wrap() -> Wrap:
    return Wrap.seal(VAULT_TAG, SEED, OLD, FLOOR, counting_bytes())


def test_a_wrap_opens_under_its_passphrase_and_purpose_alone(wrap: Wrap) -> None:
    assert wrap.open(VAULT_TAG, OLD) == SEED
    assert wrap.open(VAULT_TAG, NEW) is None
    assert wrap.open(IDENTITY_TAG, OLD) is None


def test_each_wrap_has_its_own_salt_and_nonce() -> None:
    random = counting_bytes()
    one, other = (Wrap.seal(VAULT_TAG, SEED, OLD, FLOOR, random) for _ in range(2))
    assert one.salt != other.salt
    assert one.nonce != other.nonce
    assert one.sealed != other.sealed


def test_a_header_is_as_long_as_it_is_written(wrap: Wrap) -> None:
    assert len(wrap.encode()) == 97
    assert len(Header((wrap,)).encode()) == 2 + 97
    assert Header.decode(Header((wrap, wrap)).encode()) == Header((wrap, wrap))


def test_either_passphrase_opens_a_header_of_two(wrap: Wrap) -> None:
    newer = Wrap.seal(VAULT_TAG, SEED, NEW, FLOOR, counting_bytes())
    header = Header((wrap, newer))
    assert header.open(VAULT_TAG, OLD) == (SEED, 0)
    assert header.open(VAULT_TAG, NEW) == (SEED, 1)
    with pytest.raises(VaultPassphrase):
        header.open(VAULT_TAG, b"neither")
    with pytest.raises(VaultPassphrase):
        header.only(1).open(VAULT_TAG, OLD)


@pytest.mark.negative(70)
@pytest.mark.parametrize("position", [2, 3, 7, 11, 14, 26, 30, 50, 51, 90, 98])
@pytest.mark.negative(70)
def test_a_header_with_any_field_altered_does_not_open(wrap: Wrap, position: int) -> None:
    """Position 2: kdf; 3-6: passes; 7-10: memory; 11-26: salt; 27-50: nonce; 51-98: sealed."""
    altered = bytearray(Header((wrap,)).encode())
    altered[position] ^= 1
    with pytest.raises((VaultDamaged, VaultPassphrase)):
        Header.decode(bytes(altered)).open(VAULT_TAG, OLD)


@pytest.mark.negative(29)
@pytest.mark.parametrize(
    ("ops", "memory_kib"),
    [
        (limits.MIN_VAULT_ARGON2_OPS - 1, limits.VAULT_ARGON2_MEMORY_KIB),
        (0, limits.VAULT_ARGON2_MEMORY_KIB),
        (limits.VAULT_ARGON2_OPS, limits.MIN_VAULT_ARGON2_MEMORY_KIB - 1),
        (limits.VAULT_ARGON2_OPS, 0),
        (limits.MAX_VAULT_ARGON2_OPS + 1, limits.MIN_VAULT_ARGON2_MEMORY_KIB),
        (2**32 - 1, limits.MIN_VAULT_ARGON2_MEMORY_KIB),
        (limits.MIN_VAULT_ARGON2_OPS, limits.MAX_VAULT_ARGON2_MEMORY_KIB + 1),
        (limits.MIN_VAULT_ARGON2_OPS, 2**32 - 1),
    ],
)
@pytest.mark.negative(29)
def test_lowered_and_giant_parameters_are_refused_before_any_work(
    wrap: Wrap, monkeypatch: pytest.MonkeyPatch, ops: int, memory_kib: int
) -> None:
    def no_work(*_: object, **__: object) -> bytes:
        raise AssertionError("a derivation began")

    monkeypatch.setattr(pwhash.argon2id, "kdf", no_work)
    data = bytearray(Header((wrap,)).encode())
    data[3:11] = ops.to_bytes(4, "big") + memory_kib.to_bytes(4, "big")
    with pytest.raises(VaultDamaged, match="out of bounds"):
        Header.decode(bytes(data))
    with pytest.raises(VaultDamaged):
        Cost(ops, memory_kib)


@pytest.mark.negative(29)
def test_parameters_altered_within_the_bounds_do_not_open(wrap: Wrap) -> None:
    """Without the parameters in the associated data an attacker could still not open it; with them it is refused."""
    altered = Wrap(Cost(FLOOR.ops + 1, FLOOR.memory_kib), wrap.salt, wrap.nonce, wrap.sealed)
    assert altered.open(VAULT_TAG, OLD) is None


def test_the_parameters_are_bound_by_the_associated_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwhash.argon2id, "kdf", lambda *_, **__: bytes(32))  # the same key whatever the parameters
    wrap = Wrap.seal(VAULT_TAG, SEED, OLD, Cost(3, limits.MIN_VAULT_ARGON2_MEMORY_KIB), counting_bytes())
    assert wrap.open(VAULT_TAG, OLD) == SEED
    altered = Wrap(FLOOR, wrap.salt, wrap.nonce, wrap.sealed)
    assert altered.open(VAULT_TAG, OLD) is None
    other_salt = Wrap(wrap.cost, bytes(16), wrap.nonce, wrap.sealed)
    assert other_salt.open(VAULT_TAG, OLD) is None


def test_the_defaults_are_three_passes_over_256_mib() -> None:
    assert Cost(3, 256 * 1024) == DEFAULT_COST
    assert DEFAULT_COST.memory_kib * 1024 == pwhash.argon2id.MEMLIMIT_MODERATE


def test_a_header_of_a_newer_version_says_so(wrap: Wrap) -> None:
    with pytest.raises(VaultVersion) as refusal:
        Header.decode(b"\x02" + Header((wrap,)).encode()[1:])
    assert refusal.value.code == "vault.version"


@pytest.mark.parametrize("count", [0, 3, 255])
def test_a_header_with_no_or_too_many_wraps_is_refused(wrap: Wrap, count: int) -> None:
    with pytest.raises(VaultDamaged):
        Header.decode(bytes([1, count]) + wrap.encode() * count)


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_in_place_of_a_header_give_a_header_or_a_typed_error(data: bytes) -> None:
    try:
        header = Header.decode(data)
    except (VaultDamaged, VaultVersion):
        return
    assert header.encode() == data


def test_a_cut_or_lengthened_header_is_refused(wrap: Wrap) -> None:
    data = Header((wrap,)).encode()
    for other in (data[:-1], data + b"\x00", data[:2], b""):
        with pytest.raises(VaultDamaged):
            Header.decode(other)


def test_a_wrap_does_not_show_what_it_seals(wrap: Wrap) -> None:
    assert wrap.sealed.hex() not in repr(wrap)
    assert repr(wrap.sealed) not in repr(Header((wrap,)))


@pytest.mark.parametrize("vector", VECTORS["wraps"], ids=lambda vector: vector["purpose"])
def test_the_frozen_wraps_are_made_and_opened(vector: dict[str, str]) -> None:
    drawn = iter((bytes.fromhex(vector["salt"]), bytes.fromhex(vector["nonce"])))
    passphrase = vector["passphrase"].encode("utf-8")
    cost = Cost(int(vector["ops"]), int(vector["memory_kib"]))
    made = Wrap.seal(vector["purpose"], bytes.fromhex(vector["secret"]), passphrase, cost, lambda _: next(drawn))
    assert Header((made,)).encode().hex() == vector["header"]
    opened, _ = Header.decode(bytes.fromhex(vector["header"])).open(vector["purpose"], passphrase)
    assert opened.hex() == vector["secret"]
