"""What a login finds in the vault, and what it leaves there before anything is sent."""

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secure_chat.client.vault import login_state
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.client.vault.records import ACCOUNT, OWN_DEVICE, SIGNED_PREKEYS, ResumeTokens, StoredSignedPrekey
from secure_chat.client.vault.tables import SELF
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.errors import VaultDamaged
from tests.architecture.source import ROOT
from tests.client.vault.vaults import FLOOR, PASSPHRASE, new_account, open_vault, private_directory

ONE, TWO, THREE = (bytes([number]) * 32 for number in (1, 2, 3))


@pytest.fixture(scope="module")
def new() -> NewVault:
    return new_account()


@pytest.fixture
def directory(tmp_path: Path, new: NewVault) -> Path:
    directory = private_directory(tmp_path, "enrolled")
    create_vault(directory, PASSPHRASE, new.identity.seed, new.write, cost=FLOOR).close()
    return directory


@pytest.fixture
def vault(directory: Path) -> Iterator[Vault]:
    with open_vault(directory) as vault:
        yield vault


def test_a_new_vault_has_all_that_a_registration_needs(vault: Vault, new: NewVault) -> None:
    assert login_state.account(vault) == new.account
    assert login_state.own_device(vault) == new.device
    assert login_state.own_device(vault).device_list.device_list.name == "alice"
    assert login_state.newest_signed_prekey(vault) == new.prekey
    assert login_state.resume_tokens(vault) == ResumeTokens()
    assert vault.unlock_identity(PASSPHRASE) == new.identity.seed


def test_an_account_may_move_to_another_port(vault: Vault) -> None:
    moved = dataclasses.replace(login_state.account(vault), port=4711)
    login_state.change_account(vault, moved)
    assert login_state.account(vault) == moved


def test_the_login_derivation_last_used_never_falls(vault: Vault) -> None:
    login_state.remember_login_kdf(vault, 3)
    login_state.remember_login_kdf(vault, 2)
    assert login_state.account(vault).login_kdf == 3


def test_a_vault_without_its_account_or_device_is_damaged(vault: Vault) -> None:
    with vault.transaction() as transaction:
        transaction.delete(ACCOUNT, SELF)
        transaction.delete(OWN_DEVICE, SELF)
    with pytest.raises(VaultDamaged):
        login_state.account(vault)
    with pytest.raises(VaultDamaged):
        login_state.own_device(vault)


def test_a_vault_without_a_signed_prekey_in_use_is_damaged(vault: Vault) -> None:
    with vault.transaction() as transaction:
        for row_id, stored in transaction.scan(SIGNED_PREKEYS):
            transaction.put(SIGNED_PREKEYS, row_id, dataclasses.replace(stored, superseded_at=1))
    with pytest.raises(VaultDamaged):
        login_state.newest_signed_prekey(vault)


def test_the_newest_signed_prekey_is_taken(vault: Vault) -> None:
    later = new_account().prekey
    prekey = later.published.prekey
    later = dataclasses.replace(
        later, published=dataclasses.replace(later.published, prekey=dataclasses.replace(prekey, created=2**50))
    )
    with vault.transaction() as transaction:
        transaction.put(SIGNED_PREKEYS, prekey.prekey_id.hex(), StoredSignedPrekey.of(later))
    assert login_state.newest_signed_prekey(vault) == later


# --- the counter ---------------------------------------------------------------------------------


def test_the_counter_gives_each_number_once_also_after_a_restart(directory: Path) -> None:
    given = []
    for _ in range(3):
        with open_vault(directory) as vault:
            given += [login_state.next_login_counter(vault) for _ in range(2)]
    assert given == [1, 2, 3, 4, 5, 6]


def test_the_counter_goes_on_after_what_the_server_answered(vault: Vault) -> None:
    login_state.next_login_counter(vault)
    with vault.transaction() as transaction:
        login_state.raise_login_counter(transaction, 40)
    assert login_state.next_login_counter(vault) == 42
    with vault.transaction() as transaction:
        login_state.raise_login_counter(transaction, 7)
    assert login_state.next_login_counter(vault) == 43


COUNT_AND_DIE = """
import os, signal, sys
from pathlib import Path
from secure_chat.client.vault import login_state
from tests.client.vault.vaults import open_vault
vault = open_vault(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    print(login_state.next_login_counter(vault), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_no_number_is_given_twice_by_processes_that_are_killed(directory: Path) -> None:
    given: list[int] = []
    for count in (1, 3, 2):
        command = [sys.executable, "-c", COUNT_AND_DIE, str(directory), str(count)]
        child = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)
        assert child.returncode == -signal.SIGKILL, child.stderr
        given += json.loads(f"[{','.join(child.stdout.split())}]")
    assert given == [1, 2, 3, 4, 5, 6]


# --- the tokens ----------------------------------------------------------------------------------


def test_a_successor_is_kept_beside_the_token_until_it_is_confirmed(directory: Path) -> None:
    with open_vault(directory) as vault:
        login_state.keep_token(vault, ONE)
        login_state.keep_pending_token(vault, TWO)
    with open_vault(directory) as vault:
        assert login_state.resume_tokens(vault) == ResumeTokens(ONE, TWO)
        login_state.confirm_pending_token(vault)
        assert login_state.resume_tokens(vault) == ResumeTokens(TWO)
        login_state.confirm_pending_token(vault)
        assert login_state.resume_tokens(vault) == ResumeTokens(TWO)


def test_another_successor_replaces_the_pending_one(vault: Vault) -> None:
    login_state.keep_token(vault, ONE)
    login_state.keep_pending_token(vault, TWO)
    login_state.keep_pending_token(vault, THREE)
    assert login_state.resume_tokens(vault) == ResumeTokens(ONE, THREE)
    login_state.drop_pending_token(vault)
    assert login_state.resume_tokens(vault) == ResumeTokens(ONE)


def test_a_login_by_passphrase_replaces_all_tokens_and_a_logout_forgets_them(vault: Vault) -> None:
    login_state.keep_token(vault, ONE)
    login_state.keep_pending_token(vault, TWO)
    login_state.keep_token(vault, THREE)
    assert login_state.resume_tokens(vault) == ResumeTokens(THREE)
    login_state.forget_tokens(vault)
    assert login_state.resume_tokens(vault) == ResumeTokens()


# --- what shows ----------------------------------------------------------------------------------


def test_no_record_shows_a_secret(vault: Vault, new: NewVault) -> None:
    login_state.keep_token(vault, ONE)
    shown = repr([login_state.own_device(vault), login_state.newest_signed_prekey(vault), new])
    shown += repr(login_state.resume_tokens(vault))
    keys, prekey = new.device.keys, new.prekey.secret
    for secret in (keys.signing_seed, keys.dh_secret, prekey.dh_secret, prekey.kem_seed, new.identity.seed, ONE):
        assert repr(secret)[2:-1] not in shown
        assert secret.hex() not in shown
