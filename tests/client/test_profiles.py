"""A person finds the profile that was meant, and no file on the disk leads to another."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import msgspec
import platformdirs
import pytest

from secure_chat import limits
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profile_label import ProfileState, read_label, write_label
from secure_chat.client.profiles import Profile, Profiles, VaultOptions, data_directory
from secure_chat.client.vault import login_state
from secure_chat.errors import (
    ProfileAltered,
    ProfileAmbiguous,
    ProfileBusy,
    ProfileUnknown,
    VaultFailed,
    VaultOwner,
    VaultPassphrase,
    VaultPermissions,
    VaultSymlink,
)
from tests.client.vault.vaults import FLOOR, PASSPHRASE, new_account, private_directory

OPTIONS = VaultOptions(cost=FLOOR)
ALICE, ALICE_ELSEWHERE, BOB = ("alice", "team.example.org"), ("alice", "other.example.org"), ("bob", "team.example.org")


def make_profile(profiles: Profiles, name: str, host: str, port: int = limits.DEFAULT_PORT) -> Profile:
    with ProfileDraft(profiles, name, host, port) as draft:
        vault = draft.commit_vault(PASSPHRASE, new_account(name, host, port))
        draft.sending()
        profile = draft.complete()
        vault.close()
    return profile


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = private_directory(tmp_path_factory.mktemp("three"), "data")
    for name, host in (ALICE, ALICE_ELSEWHERE, BOB):
        make_profile(Profiles(data, OPTIONS), name, host)
    return data


@pytest.fixture
def profiles(three: Path, tmp_path: Path) -> Profiles:
    """Three profiles; bob's was used last."""
    shutil.copytree(three, tmp_path / "data")
    return Profiles(tmp_path / "data", OPTIONS)


@pytest.fixture
def no_profiles(tmp_path: Path) -> Profiles:
    return Profiles(private_directory(tmp_path, "empty"), OPTIONS)


# --- where ---------------------------------------------------------------------------------------


def test_the_data_directory_is_the_flag_then_the_environment_then_the_usual_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("SECURE_CHAT_DATA", raising=False)
    assert data_directory() == platformdirs.user_data_path("secure-chat", appauthor=False)
    monkeypatch.setenv("SECURE_CHAT_DATA", "")
    assert data_directory() == platformdirs.user_data_path("secure-chat", appauthor=False)
    monkeypatch.setenv("SECURE_CHAT_DATA", str(tmp_path / "environment"))
    assert data_directory() == tmp_path / "environment"
    assert data_directory(tmp_path / "flag") == tmp_path / "flag"
    monkeypatch.chdir(tmp_path)
    assert data_directory("here") == tmp_path / "here"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert data_directory("~/chat") == tmp_path / "home" / "chat"


def test_looking_makes_nothing(no_profiles: Profiles) -> None:
    assert not no_profiles.complete()
    assert not no_profiles.unfinished()
    assert not no_profiles.unreadable()
    assert os.listdir(no_profiles.root.parent) == []


def test_no_name_on_the_disk_is_made_from_what_somebody_typed(profiles: Profiles) -> None:
    for path in profiles.root.rglob("*"):
        assert "alice" not in path.name
        assert "example" not in path.name
    make_profile(profiles, "\u00e4\u0436" * 16, "a" * 63)
    assert all(len(path.name) == 32 for path in profiles.root.iterdir() if path.is_dir())


# --- choosing ------------------------------------------------------------------------------------


def test_the_list_shows_all_without_a_passphrase(profiles: Profiles) -> None:
    titles = [profile.title for profile in profiles.complete()]
    assert titles == ["alice@other.example.org", "alice@team.example.org", "bob@team.example.org"]


@pytest.mark.parametrize("wanted", ["bob", "Bob", "bob@team.example.org", "bob@team.example.org:7443"])
def test_a_profile_is_chosen_by_every_name_it_has(profiles: Profiles, wanted: str) -> None:
    assert profiles.choose(wanted).title == "bob@team.example.org"


def test_without_a_name_the_last_used_is_chosen(profiles: Profiles) -> None:
    assert profiles.choose().title == "bob@team.example.org"
    profiles.mark_used(profiles.choose("alice@other.example.org"))
    assert profiles.choose().title == "alice@other.example.org"


def test_the_only_one_is_chosen_without_a_name(no_profiles: Profiles) -> None:
    make_profile(no_profiles, "carol", "::1", 7444)
    (no_profiles.root / "last-used").unlink()
    assert no_profiles.choose().title == "carol@[::1]:7444"


def test_a_name_that_fits_two_is_asked_back(profiles: Profiles) -> None:
    with pytest.raises(ProfileAmbiguous) as refusal:
        profiles.choose("alice")
    assert refusal.value.code == "profile.ambiguous"
    assert "alice@team.example.org" in refusal.value.sentence
    assert refusal.value.next_step == "--profile alice@other.example.org"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"../../etc", b"0" * 32, b"x" * 100_000])
def test_a_note_of_the_last_used_that_says_nothing_decides_nothing(profiles: Profiles, content: bytes) -> None:
    (profiles.root / "last-used").write_bytes(content)
    with pytest.raises(ProfileAmbiguous):
        profiles.choose()


def test_an_unknown_name_is_told_with_what_there_is(profiles: Profiles) -> None:
    with pytest.raises(ProfileUnknown) as refusal:
        profiles.choose("dave")
    assert refusal.value.code == "profile.unknown"
    assert "bob@team.example.org" in refusal.value.next_step


def test_a_machine_without_a_profile_is_told_how_to_get_one(no_profiles: Profiles) -> None:
    with pytest.raises(ProfileUnknown) as refusal:
        no_profiles.choose()
    told = refusal.value.next_step
    assert told == "secure-chat join LINK, or with an account already: secure-chat login --recovery LINK"


def test_a_join_that_was_cut_off_is_told(no_profiles: Profiles) -> None:
    with ProfileDraft(no_profiles, "alice", "team.example.org", 7443) as draft:
        draft.commit_vault(PASSPHRASE, new_account())
        draft.sending()
    with pytest.raises(ProfileUnknown, match="was not finished") as refusal:
        no_profiles.choose()
    assert "join" in refusal.value.next_step


def test_a_profile_that_cannot_be_read_hides_no_other_and_is_told(profiles: Profiles) -> None:
    broken = profiles.choose("bob").directory
    (broken / "profile.json").write_text("{}")
    assert [profile.title for profile in profiles.complete()] == ["alice@other.example.org", "alice@team.example.org"]
    (error,) = profiles.unreadable()
    assert str(broken) in error.sentence
    for profile in profiles.complete():
        (profile.directory / "profile.json").chmod(0o644)
    with pytest.raises(ProfileUnknown, match="cannot be used") as refusal:
        profiles.choose()
    assert refusal.value.next_step


def test_what_is_no_profile_is_passed_over(profiles: Profiles) -> None:
    private_directory(profiles.root, "f" * 32)
    private_directory(profiles.root, "notes")
    (profiles.root / ("e" * 32)).write_text("a file")
    assert len(profiles.complete()) == 3


def test_no_more_directories_are_read_than_a_person_has(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_PROFILES", 2)
    assert len(profiles.directories()) == 2


# --- opening -------------------------------------------------------------------------------------


def test_a_profile_opens_with_its_passphrase(profiles: Profiles) -> None:
    with profiles.choose("bob").acquire() as locked:
        with pytest.raises(VaultPassphrase):
            locked.unlock("wrong")
        with locked.unlock(PASSPHRASE) as vault:
            assert login_state.account(vault).name == "bob"


def test_a_profile_in_use_is_told_before_the_passphrase_is_asked_for(profiles: Profiles) -> None:
    with profiles.choose("bob").acquire(), pytest.raises(ProfileBusy) as refusal:
        profiles.choose("bob").acquire()
    assert refusal.value.code == "profile.busy"


def test_two_labels_exchanged_are_refused(profiles: Profiles) -> None:
    """The same passphrase opens both vaults, and the person would write as another to another server."""
    bob, alice = profiles.choose("bob"), profiles.choose("alice@other.example.org")
    write_label(bob.directory, alice.label)
    exchanged = Profile(bob.directory, read_label(bob.directory))
    with exchanged.acquire() as locked, pytest.raises(ProfileAltered) as refusal:
        locked.unlock(PASSPHRASE)
    assert refusal.value.code == "profile.altered"
    write_label(bob.directory, bob.label)
    with bob.acquire() as locked:
        locked.unlock(PASSPHRASE).close()


def test_other_facts_of_the_same_account_are_taken_from_the_vault(profiles: Profiles) -> None:
    bob = profiles.choose("bob")
    write_label(bob.directory, msgspec.structs.replace(bob.label, port=4711, log_key=bytes(32)))
    altered = profiles.choose("bob")
    assert altered.label.port == 4711
    with altered.acquire() as locked, locked.unlock(PASSPHRASE) as vault:
        assert login_state.account(vault).port == 7443
    assert profiles.choose("bob").label == bob.label


# --- others on the machine -----------------------------------------------------------------------


def test_a_profile_open_to_others_is_refused(profiles: Profiles) -> None:
    bob = profiles.choose("bob")
    bob.directory.chmod(0o755)
    with pytest.raises(VaultPermissions):
        bob.acquire()


def test_a_root_that_is_a_link_or_open_to_others_is_refused(profiles: Profiles, tmp_path: Path) -> None:
    profiles.root.chmod(0o770)
    with pytest.raises(VaultPermissions):
        profiles.complete()
    profiles.root.chmod(0o700)
    profiles.root.rename(tmp_path / "elsewhere")
    profiles.root.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(VaultSymlink):
        profiles.complete()
    with pytest.raises(VaultSymlink):
        profiles.prepare_root()


def test_a_data_directory_where_others_may_write_is_refused(no_profiles: Profiles) -> None:
    no_profiles.root.parent.chmod(0o777)
    with pytest.raises(VaultPermissions) as refusal:
        make_profile(no_profiles, *ALICE)
    assert refusal.value.next_step.startswith("chmod go-w ")
    assert os.listdir(no_profiles.root.parent) == []


def test_a_data_directory_of_somebody_else_is_refused(no_profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: no_profiles.root.parent.stat().st_uid + 1)
    with pytest.raises(VaultOwner):
        no_profiles.prepare_root()


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(VaultFailed, match=str(tmp_path / "file")):
        Profiles(tmp_path / "file" / "data", OPTIONS).prepare_root()


def test_a_disk_that_cannot_be_read_is_told(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(Path, "open", fail)
    assert [error.code for error in profiles.unreadable()] == ["vault.failed"] * 3
    monkeypatch.setattr(os, "listdir", fail)
    with pytest.raises(VaultFailed):
        profiles.complete()


def test_a_full_disk_only_loses_which_was_used_last(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    profiles.mark_used(profiles.choose("alice@other.example.org"))
    monkeypatch.undo()
    assert profiles.choose().title == "bob@team.example.org"


def test_a_retired_profile_is_not_shown(profiles: Profiles) -> None:
    bob = profiles.choose("bob")
    write_label(bob.directory, msgspec.structs.replace(bob.label, state=ProfileState.RETIRED))
    assert len(profiles.complete()) == 2
    assert profiles.unfinished() == ()
