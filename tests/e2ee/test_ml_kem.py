"""Without ML-KEM-768 no keys are made: the program says why, and never does with less."""

import json
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import mlkem

from secure_chat.directory.keys import UserId
from secure_chat.e2ee import ml_kem
from secure_chat.e2ee.device_keys import DeviceSecrets
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.errors import PostQuantumMissing
from tests.client.vault.vaults import counting_bytes

VECTORS = json.loads((Path(__file__).parents[1] / "vectors/e2ee/prekeys.json").read_text("utf-8"))


def test_this_installation_can_do_it() -> None:
    ml_kem.require_ml_kem()


def test_a_seed_gives_its_public_key_each_time() -> None:
    seed = bytes(range(64))
    assert ml_kem.public_key_bytes(seed) == ml_kem.public_key_bytes(seed)
    assert len(ml_kem.public_key_bytes(seed)) == 1184
    assert ml_kem.public_key_bytes(bytes(64)) != ml_kem.public_key_bytes(seed)


class RaisingKey:
    """Both classes as some releases have them: there, and unusable."""

    @staticmethod
    def from_seed_bytes(_: bytes) -> None:
        raise UnsupportedAlgorithm("ML-KEM is not supported by this version of the library.")

    from_public_bytes = from_seed_bytes


class ForgetfulKey:
    """A key that opens to something else than was sealed."""

    @staticmethod
    def from_seed_bytes(_: bytes) -> "ForgetfulKey":
        return ForgetfulKey()

    def public_key(self) -> "ForgetfulKey":
        return self

    def encapsulate(self) -> tuple[bytes, bytes]:
        return b"s" * 32, b"c" * 1088

    def decapsulate(self, _: bytes) -> bytes:
        return b"t" * 32


def assert_refused() -> None:
    device = DeviceSecrets.generate(counting_bytes())
    user_id = UserId(b"u" * 16)
    for attempt in (
        ml_kem.require_ml_kem,
        lambda: ml_kem.encapsulate(bytes(1184)),
        lambda: SignedPrekeySecret.generate(device, user_id, counting_bytes(), 0),
        lambda: OneTimePrekeySecret.generate(device, user_id, counting_bytes()),
    ):
        with pytest.raises(PostQuantumMissing) as refusal:
            attempt()
        assert refusal.value.code == "keys.ml_kem_missing"
        assert "cryptography" in refusal.value.next_step


@pytest.mark.negative(36)
def test_a_library_without_the_module_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mlkem", None)
    assert_refused()


@pytest.mark.negative(36)
def test_a_library_that_has_the_module_and_cannot_do_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlkem, "MLKEM768PrivateKey", RaisingKey)
    monkeypatch.setattr(mlkem, "MLKEM768PublicKey", RaisingKey)
    assert_refused()


def test_a_library_that_does_not_open_what_it_sealed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mlkem, "MLKEM768PrivateKey", ForgetfulKey)
    with pytest.raises(PostQuantumMissing):
        ml_kem.require_ml_kem()


def test_the_frozen_seed_gives_the_frozen_key() -> None:
    vector = VECTORS["signed_prekey"]
    assert ml_kem.public_key_bytes(bytes.fromhex(vector["kem_seed"])).hex() in vector["published"]
