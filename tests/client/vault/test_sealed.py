"""A sealed vault is held from the moment it is found, and handed over once."""

from pathlib import Path

import pytest

from secure_chat.client.vault.sealed import SealedVault
from secure_chat.errors import ProfileBusy, VaultPassphrase
from tests.client.vault.vaults import NOTES, PASSPHRASE, Note, open_vault


def test_it_is_held_before_any_passphrase_is_typed(vault_directory: Path) -> None:
    with SealedVault(vault_directory), pytest.raises(ProfileBusy) as refusal:
        SealedVault(vault_directory)
    assert refusal.value.code == "profile.busy"


def test_it_is_let_go_without_a_passphrase(vault_directory: Path) -> None:
    with SealedVault(vault_directory) as sealed:
        sealed.close()
    open_vault(vault_directory).close()


def test_its_end_does_not_close_what_was_handed_over(vault_directory: Path) -> None:
    with SealedVault(vault_directory) as sealed:
        vault = sealed.unlock(PASSPHRASE)
    with vault:
        assert vault.get(NOTES, "first") == Note("buy milk")
        with pytest.raises(ProfileBusy):
            SealedVault(vault_directory)


def test_after_wrong_passphrases_its_end_lets_go(vault_directory: Path) -> None:
    with SealedVault(vault_directory) as sealed, pytest.raises(VaultPassphrase):
        sealed.unlock("wrong")
    open_vault(vault_directory).close()
