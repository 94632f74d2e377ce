"""While a passphrase is being changed one of the two always opens, wherever the process dies."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat.client.vault.headers import read_headers
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.errors import PassphraseChangePending, PassphraseInvalid, VaultFull, VaultPassphrase
from tests.architecture.source import ROOT
from tests.client.vault.crashing_change import NEW_PASSPHRASE as NEW
from tests.client.vault.faults import failing_commit
from tests.client.vault.vaults import FLOOR, NOTES, PASSPHRASE, SEED, Note, every_byte_on_disk, open_vault

OLD = PASSPHRASE


def opening(directory: Path) -> set[str]:
    """Which of the two passphrases open the vault, its identity and its rows."""
    return {passphrase for passphrase in (OLD, NEW) if opens(directory, passphrase)}


def opens(directory: Path, passphrase: str) -> bool:
    try:
        vault = open_vault(directory, passphrase)
    except VaultPassphrase:
        return False
    with vault:
        assert vault.unlock_identity(passphrase) == SEED
        assert vault.get(NOTES, "first") == Note("buy milk")
    return True


def begin(directory: Path) -> None:
    with open_vault(directory) as vault:
        vault.begin_passphrase_change(OLD, NEW, cost=FLOOR)


def test_during_the_change_both_open_and_afterwards_the_new_one_alone(vault_directory: Path) -> None:
    begin(vault_directory)
    assert opening(vault_directory) == {OLD, NEW}
    with open_vault(vault_directory, OLD) as vault:
        assert vault.change_pending
        vault.finish_passphrase_change()
    assert opening(vault_directory) == {NEW}
    with open_vault(vault_directory, NEW) as vault:
        assert not vault.change_pending


def test_a_change_given_up_leaves_the_old_one_alone(vault_directory: Path) -> None:
    begin(vault_directory)
    with open_vault(vault_directory, NEW) as vault:
        vault.abandon_passphrase_change()
    assert opening(vault_directory) == {OLD}


@pytest.mark.parametrize("typed", [OLD, NEW])
def test_a_change_is_settled_by_the_passphrase_that_the_server_accepted(vault_directory: Path, typed: str) -> None:
    begin(vault_directory)
    with open_vault(vault_directory, typed) as vault:
        vault.settle_passphrase_change()
        vault.settle_passphrase_change()
    assert opening(vault_directory) == {typed}


def test_without_a_change_there_is_nothing_to_finish_or_give_up(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        assert not vault.change_pending
        vault.finish_passphrase_change()
        vault.abandon_passphrase_change()
        vault.settle_passphrase_change()
    assert opening(vault_directory) == {OLD}


def test_a_wrong_old_passphrase_changes_nothing(vault_directory: Path) -> None:
    with open_vault(vault_directory) as vault:
        with pytest.raises(VaultPassphrase):
            vault.begin_passphrase_change("wrong", NEW, cost=FLOOR)
        with pytest.raises(PassphraseInvalid):
            vault.begin_passphrase_change(OLD, "", cost=FLOOR)
        assert not vault.change_pending
    assert opening(vault_directory) == {OLD}


def test_a_second_change_waits_for_the_first(vault_directory: Path) -> None:
    begin(vault_directory)
    with open_vault(vault_directory, NEW) as vault, pytest.raises(PassphraseChangePending) as refusal:
        vault.begin_passphrase_change(NEW, "a third one", cost=FLOOR)
    assert refusal.value.code == "vault.change_pending"


def test_a_change_that_the_disk_refuses_leaves_the_old_one(vault_directory: Path) -> None:
    with open_vault(vault_directory, factory=failing_commit(13)) as vault, pytest.raises(VaultFull):
        vault.begin_passphrase_change(OLD, NEW, cost=FLOOR)
    assert opening(vault_directory) == {OLD}


def test_destroyed_wraps_are_nowhere_in_the_files(vault_directory: Path) -> None:
    """Neither in the database nor in its log, also while the vault stays open."""
    begin(vault_directory)
    with open_vault(vault_directory, NEW) as vault:
        old_wraps, new_wraps = zip(*(header.wraps for header in read_headers(vault._database)), strict=True)
        assert all(wrap.sealed in every_byte_on_disk(vault_directory) for wrap in (*old_wraps, *new_wraps))
        vault.finish_passphrase_change()
        found = every_byte_on_disk(vault_directory)
        assert not any(wrap.sealed in found or wrap.salt in found for wrap in old_wraps)
        assert all(wrap.sealed in found for wrap in new_wraps)


# --- kill -9 -------------------------------------------------------------------------------------


def die_in_the_change(directory: Path, where: str, at: int, end: str) -> list[str]:
    """What a process reported as done before it was killed at that COMMIT."""
    script = ROOT / "tests/client/vault/crashing_change.py"
    child = subprocess.run(
        [sys.executable, str(script), str(directory), where, str(at), end],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert child.returncode == -signal.SIGKILL, child.stderr
    return child.stdout.split()


@pytest.mark.negative(60)
@pytest.mark.parametrize(
    ("where", "at", "end", "reported", "left"),
    [
        ("before", 1, "finish", [], {OLD}),
        ("after", 1, "finish", [], {OLD, NEW}),
        ("before", 2, "finish", ["begun"], {OLD, NEW}),
        ("after", 2, "finish", ["begun"], {NEW}),
        ("before", 2, "abandon", ["begun"], {OLD, NEW}),
        ("after", 2, "abandon", ["begun"], {OLD}),
    ],
)
@pytest.mark.negative(60)
def test_a_process_killed_at_a_commit_of_the_change_leaves_a_vault_that_opens(
    vault_directory: Path, where: str, at: int, end: str, reported: list[str], left: set[str]
) -> None:
    assert die_in_the_change(vault_directory, where, at, end) == reported
    assert opening(vault_directory) == left
    with SealedVault(vault_directory) as sealed:
        vault = sealed.unlock(next(iter(left)))
        vault.settle_passphrase_change()
        vault.close()
    assert len(opening(vault_directory)) == 1
