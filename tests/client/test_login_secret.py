"""One passphrase gives each server another secret, and no server a weaker one than before."""

import unicodedata

import pytest
from nacl.pwhash import argon2id

from secure_chat.client.login_secret import derive_login_secret
from secure_chat.errors import LoginDerivationRefused, PassphraseInvalid
from secure_chat.protocol.authentication import login_salt

SERVER, OTHER_SERVER = b"\x01" * 32, b"\x02" * 32


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Derivations at the least that libsodium can do; what they asked for."""
    asked: list[tuple[int, int]] = []
    derive = argon2id.kdf

    def cheap(size: int, passphrase: bytes, salt: bytes, *, opslimit: int, memlimit: int) -> bytes:
        asked.append((opslimit, memlimit))
        return derive(size, passphrase, salt, opslimit=argon2id.OPSLIMIT_MIN, memlimit=argon2id.MEMLIMIT_MIN)

    monkeypatch.setattr(argon2id, "kdf", cheap)
    return asked


def test_row_1_is_argon2id_with_three_passes_over_256_mib() -> None:
    """The real parameters, once, computed apart."""
    expected = argon2id.kdf(
        32, "Gr\u00fc\u00dfe".encode(), login_salt(SERVER, "alice"), opslimit=3, memlimit=256 * 1024 * 1024
    )
    assert derive_login_secret("Gr\u00fc\u00dfe", SERVER, "alice", row=1) == expected


@pytest.mark.negative(41)
def test_server_name_and_passphrase_each_make_another_secret(fast: list[tuple[int, int]]) -> None:
    secrets = {
        derive_login_secret(passphrase, server, name, row=1)
        for passphrase in ("one phrase", "another phrase")
        for server in (SERVER, OTHER_SERVER)
        for name in ("alice", "bob")
    }
    assert len(secrets) == 8
    assert set(fast) == {(3, 256 * 1024 * 1024)}


@pytest.mark.negative(41)
def test_the_same_passphrase_typed_on_another_keyboard_gives_the_same_secret(fast: list[tuple[int, int]]) -> None:
    forms = [unicodedata.normalize(form, "Gr\u00fc\u00dfe aus K\u00f6ln") for form in ("NFC", "NFD")]
    assert forms[0] != forms[1]
    assert len({derive_login_secret(form, SERVER, "alice", row=1) for form in forms}) == 1
    assert fast


@pytest.mark.negative(41)
@pytest.mark.parametrize(("row", "lowest"), [(1, 2), (0, 1), (2, 1), (255, 1)])
@pytest.mark.negative(41)
def test_a_lower_or_unknown_row_is_refused_before_any_work(fast: list[tuple[int, int]], row: int, lowest: int) -> None:
    with pytest.raises(LoginDerivationRefused) as refusal:
        derive_login_secret("phrase", SERVER, "alice", row=row, lowest=lowest)
    assert refusal.value.code == "login.derivation_refused"
    assert fast == []


@pytest.mark.parametrize("passphrase", ["", "a\tb", "x" * 1025])
def test_what_can_be_no_passphrase_is_refused(fast: list[tuple[int, int]], passphrase: str) -> None:
    with pytest.raises(PassphraseInvalid):
        derive_login_secret(passphrase, SERVER, "alice", row=1)
    assert fast == []
