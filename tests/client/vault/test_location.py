"""A vault is used by its owner alone, from one process at a time."""

import errno
import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from secure_chat.client.vault import location
from secure_chat.errors import (
    ChatError,
    ProfileBusy,
    VaultFailed,
    VaultFull,
    VaultMissing,
    VaultOwner,
    VaultPermissions,
    VaultSymlink,
)
from tests.client.vault.vaults import PASSPHRASE, open_vault


@pytest.mark.negative(30)
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o770, 0o707])
@pytest.mark.negative(30)
def test_a_directory_open_to_others_is_refused(vault_directory: Path, mode: int) -> None:
    vault_directory.chmod(mode)
    with pytest.raises(VaultPermissions) as refusal:
        open_vault(vault_directory)
    assert refusal.value.code == "vault.permissions"
    assert refusal.value.next_step.startswith("chmod 700 ")


@pytest.mark.negative(30)
@pytest.mark.parametrize("name", ["keystore.db", "keystore.db-wal", "keystore.db-shm"])
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
@pytest.mark.negative(30)
def test_a_file_open_to_others_is_refused(vault_directory: Path, name: str, mode: int) -> None:
    path = vault_directory / name
    path.touch()
    path.chmod(mode)
    with pytest.raises(VaultPermissions) as refusal:
        open_vault(vault_directory)
    assert refusal.value.next_step == f"chmod 600 {path}"


def test_the_set_group_bit_that_some_parents_pass_on_is_no_reason_to_refuse(vault_directory: Path) -> None:
    vault_directory.chmod(0o2700)
    open_vault(vault_directory).close()


@pytest.mark.negative(30)
@pytest.mark.parametrize("name", ["keystore.db", "keystore.db-wal", "lock"])
@pytest.mark.negative(30)
def test_a_file_that_is_a_symbolic_link_is_refused(vault_directory: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    path = vault_directory / name
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.touch(mode=0o600)
    path.symlink_to(elsewhere)
    with pytest.raises(VaultSymlink) as refusal:
        open_vault(vault_directory)
    assert refusal.value.code == "vault.symlink"


@pytest.mark.negative(30)
def test_a_directory_that_is_a_symbolic_link_is_refused(vault_directory: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(vault_directory, target_is_directory=True)
    with pytest.raises(VaultSymlink):
        open_vault(link)


def test_a_database_with_a_second_name_is_refused(vault_directory: Path, tmp_path: Path) -> None:
    (tmp_path / "second").hardlink_to(vault_directory / "keystore.db")
    with pytest.raises(VaultSymlink, match="second name"):
        open_vault(vault_directory)


def test_a_directory_where_the_database_belongs_is_refused(vault_directory: Path) -> None:
    (vault_directory / "keystore.db").unlink()
    (vault_directory / "keystore.db").mkdir(mode=0o700)
    with pytest.raises(VaultSymlink):
        open_vault(vault_directory)


@pytest.mark.negative(30)
def test_files_of_another_user_are_refused(vault_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: vault_directory.stat().st_uid + 1)
    with pytest.raises(VaultOwner) as refusal:
        open_vault(vault_directory)
    assert refusal.value.code == "vault.owner"


def test_a_missing_directory_and_a_missing_database_are_told(vault_directory: Path, tmp_path: Path) -> None:
    with pytest.raises(VaultMissing) as refusal:
        open_vault(tmp_path / "nowhere")
    assert refusal.value.code == "vault.missing"
    (vault_directory / "keystore.db").unlink()
    with pytest.raises(VaultMissing):
        open_vault(vault_directory)


def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        location.create_private_directory(tmp_path / "directory")
        location.create_private_file(tmp_path / "file")
    finally:
        os.umask(before)
    before = os.umask(0o777)
    try:
        location.create_private_directory(tmp_path / "directory2")
    finally:
        os.umask(before)
    modes = [(tmp_path / name).stat().st_mode & 0o777 for name in ("directory", "file", "directory2")]
    assert modes == [0o700, 0o600, 0o700]


def test_an_open_vault_leaves_only_private_files(vault_directory: Path) -> None:
    with open_vault(vault_directory):
        names = set(os.listdir(vault_directory))
        assert "keystore.db-wal" in names
        for name in names:
            assert (vault_directory / name).stat().st_mode & 0o077 == 0


def test_a_data_directory_in_which_others_could_put_files_is_refused(tmp_path: Path) -> None:
    location.check_not_writable_by_others(tmp_path)
    for mode in (0o770, 0o707, 0o1777):
        tmp_path.chmod(mode)
        with pytest.raises(VaultPermissions):
            location.check_not_writable_by_others(tmp_path)
    with pytest.raises(VaultMissing):
        location.check_not_writable_by_others(tmp_path / "nowhere")


def test_a_data_directory_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(VaultOwner):
        location.check_not_writable_by_others(tmp_path)


# --- the lock ------------------------------------------------------------------------------------

ANOTHER_PROCESS = """
import sys
from pathlib import Path
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.errors import ChatError
try:
    with SealedVault(Path(sys.argv[1])) as sealed:
        sealed.unlock(sys.argv[2]).close()
except ChatError as error:
    print(error.code)
else:
    print("opened")
"""


def opened_by_another_process(directory: Path) -> str:
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(directory), PASSPHRASE]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout.strip()


def test_a_second_process_is_refused_at_once_and_let_in_afterwards(vault_directory: Path) -> None:
    with open_vault(vault_directory):
        assert opened_by_another_process(vault_directory) == "profile.busy"
    assert opened_by_another_process(vault_directory) == "opened"


def test_a_second_opening_in_the_same_process_is_refused(vault_directory: Path) -> None:
    with open_vault(vault_directory), pytest.raises(ProfileBusy):
        open_vault(vault_directory)


def test_the_lock_itself_is_held_by_one_alone(tmp_path: Path) -> None:
    with location.ExclusiveLock(tmp_path), pytest.raises(ProfileBusy):
        location.ExclusiveLock(tmp_path)


def test_a_lock_whose_directory_went_away_meanwhile_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "vault"
    directory.mkdir()

    def replaced(*_: object) -> None:
        (directory / "lock").unlink()
        (directory / "lock").touch()

    monkeypatch.setattr(fcntl, "flock", replaced)
    with pytest.raises(ProfileBusy):
        location.ExclusiveLock(directory)
    monkeypatch.setattr(fcntl, "flock", lambda *_: (directory / "lock").unlink())
    with pytest.raises(ProfileBusy):
        location.ExclusiveLock(directory)


def test_a_lock_let_go_twice_does_no_harm(tmp_path: Path) -> None:
    with location.ExclusiveLock(tmp_path) as lock:
        lock.release()
    location.ExclusiveLock(tmp_path).release()


def test_a_lock_of_nobody_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultMissing):
        location.ExclusiveLock(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (errno.EACCES, VaultOwner),
        (errno.ELOOP, VaultSymlink),
        (errno.EROFS, VaultFailed),
        (errno.ENOSPC, VaultFull),
        (errno.ENOTDIR, VaultMissing),
    ],
)
def test_a_lock_that_cannot_be_opened_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int, error: type[ChatError]
) -> None:
    monkeypatch.setattr(os, "open", failing_with(failure))
    with pytest.raises(error):
        location.ExclusiveLock(tmp_path)


@pytest.mark.parametrize(("failure", "error"), [(errno.EACCES, VaultOwner), (errno.EIO, VaultFailed)])
def test_a_file_that_cannot_even_be_looked_at_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int, error: type[ChatError]
) -> None:
    monkeypatch.setattr(Path, "lstat", failing_with(failure))
    with pytest.raises(error):
        location.check_private_file(tmp_path / "keystore.db")


def failing_with(failure: int) -> Callable[..., NoReturn]:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(failure, os.strerror(failure))

    return fail


# --- small files ---------------------------------------------------------------------------------


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "label"
    location.write_private_file(path, b"one")
    location.write_private_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["label"]


@pytest.mark.parametrize(("failure", "error"), [(28, VaultFull), (5, VaultFailed)])
def test_a_private_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: int, error: type[ChatError]
) -> None:
    path = tmp_path / "label"
    location.write_private_file(path, b"one")

    def fail(_: int) -> None:
        raise OSError(failure, os.strerror(failure))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(error):
        location.write_private_file(path, b"two")
    monkeypatch.undo()
    assert path.read_bytes() == b"one"
    location.write_private_file(path, b"three")
    assert path.read_bytes() == b"three"
