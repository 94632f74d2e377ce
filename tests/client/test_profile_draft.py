"""No half-made profile is left by a join that stops, and none is lost once the server may know of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profile_label import ProfileState
from secure_chat.client.profiles import Profiles, VaultOptions
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.errors import (
    ChatError,
    PassphraseInvalid,
    ProfileBusy,
    ProfileExists,
    VaultFailed,
    VaultFull,
    VaultPassphrase,
)
from tests.architecture.source import ROOT
from tests.client.vault.faults import failing_commit
from tests.client.vault.vaults import FLOOR, PASSPHRASE, new_account, private_directory

WHO = ("alice", "team.example.org", 7443)
NEW = new_account()


@pytest.fixture
def profiles(tmp_path: Path) -> Profiles:
    return Profiles(private_directory(tmp_path, "data"), VaultOptions(cost=FLOOR))


def remains(profiles: Profiles) -> list[str]:
    """What lies below the profiles' directory besides its own lock and the note of the last used."""
    if not profiles.root.exists():
        return []
    return sorted(set(os.listdir(profiles.root)) - {"lock", "last-used"})


def join(profiles: Profiles, new: NewVault = NEW) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        vault = draft.commit_vault(PASSPHRASE, new)
        draft.sending()
        draft.complete()
        vault.close()


def cut_off_after_sending(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
        draft.sending()


def test_a_join_that_succeeds_leaves_one_profile_last_used_and_its_vault_open(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        assert not draft.resumes
        vault = draft.commit_vault(PASSPHRASE, NEW)
        assert profiles.complete() == ()
        draft.sending()
        assert profiles.complete() == ()
        profile = draft.complete()
    with vault:
        assert draft.vault is vault
        assert login_state.own_device(vault) == NEW.device
        assert profiles.choose() == profile
        assert profile.label.state is ProfileState.COMPLETE
        assert len(remains(profiles)) == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, ZeroDivisionError])
def test_a_join_that_stops_before_it_was_sent_leaves_nothing(profiles: Profiles, stop: type[BaseException]) -> None:
    with pytest.raises(stop), ProfileDraft(profiles, *WHO):
        raise stop
    with pytest.raises(stop):
        commit_and_raise(profiles, stop)
    assert remains(profiles) == []
    join(profiles)


def commit_and_raise(profiles: Profiles, stop: type[BaseException]) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
        raise stop


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ZeroDivisionError])
def test_a_join_that_stops_while_the_vault_is_made_leaves_nothing(
    profiles: Profiles, stop: type[BaseException]
) -> None:
    drawn = iter(range(4))  # the directory's name, the master key, a salt, a nonce; then somebody presses Ctrl-C

    def random(length: int) -> bytes:
        if next(drawn, None) is None:
            raise stop
        return os.urandom(length)

    interrupted = Profiles(profiles.root.parent, VaultOptions(cost=FLOOR, random=random))
    with pytest.raises(stop), ProfileDraft(interrupted, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
    assert remains(profiles) == []


def test_a_join_that_finds_the_disk_full_leaves_nothing(profiles: Profiles) -> None:
    full = Profiles(profiles.root.parent, VaultOptions(cost=FLOOR, factory=failing_commit(13)))
    with pytest.raises(VaultFull), ProfileDraft(full, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
    assert remains(profiles) == []


def test_a_join_whose_label_cannot_be_written_leaves_nothing(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise VaultFull

    monkeypatch.setattr("secure_chat.client.profile_draft.write_label", full)
    with pytest.raises(VaultFull), ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
    assert remains(profiles) == []


def test_a_passphrase_that_cannot_be_one_leaves_nothing_and_may_be_typed_again(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        with pytest.raises(PassphraseInvalid):
            draft.commit_vault("", NEW)
        assert remains(profiles) == []
        draft.commit_vault(PASSPHRASE, NEW)
        draft.complete()
        draft.vault.close()


def test_a_join_cut_off_after_it_was_sent_goes_on_with_the_same_keys(profiles: Profiles) -> None:
    cut_off_after_sending(profiles)
    (unfinished,) = profiles.unfinished()
    assert unfinished.label.state is ProfileState.SENT
    with ProfileDraft(profiles, *WHO) as draft:
        assert draft.resumes
        with pytest.raises(VaultPassphrase):
            draft.open_vault("wrong")
        vault = draft.open_vault(PASSPHRASE)
        assert login_state.own_device(vault) == NEW.device
        assert login_state.newest_signed_prekey(vault) == NEW.prekey
        assert vault.unlock_identity(PASSPHRASE) == NEW.identity.seed
        draft.sending()
        draft.complete()
        vault.close()
    assert [profile.title for profile in profiles.complete()] == ["alice@team.example.org"]


def test_a_second_attempt_that_stops_too_loses_nothing(profiles: Profiles) -> None:
    cut_off_after_sending(profiles)
    for _ in range(2):
        with ProfileDraft(profiles, *WHO) as draft:
            draft.open_vault(PASSPHRASE)
    with ProfileDraft(profiles, *WHO):
        pass  # not even a passphrase was typed
    assert len(profiles.unfinished()) == 1


def test_what_the_server_refused_for_good_is_removed(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
        draft.sending()
        draft.discard(refused=True)
        draft.discard()
    assert remains(profiles) == []
    join(profiles)


def test_a_complete_profile_is_never_discarded(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
        draft.complete()
        draft.discard(refused=True)
    assert len(profiles.complete()) == 1


def test_only_the_attempt_of_this_account_is_taken_up(profiles: Profiles) -> None:
    with ProfileDraft(profiles, "bob", "team.example.org", 7443) as draft:
        draft.commit_vault(PASSPHRASE, new_account("bob"))
        draft.sending()
    with ProfileDraft(profiles, *WHO) as draft:
        assert not draft.resumes
    cut_off_after_sending(profiles)
    with ProfileDraft(profiles, "bob", "team.example.org", 7443) as draft:
        assert login_state.account(draft.open_vault(PASSPHRASE)).name == "bob"


def test_an_attempt_whose_passphrase_is_forgotten_can_be_started_over(profiles: Profiles) -> None:
    cut_off_after_sending(profiles)
    with ProfileDraft(profiles, *WHO) as draft:
        draft.start_over()
        draft.start_over()
        assert not draft.resumes
        assert remains(profiles) == []
        draft.commit_vault("another passphrase", new_account())
        draft.complete()
        draft.vault.close()
    assert len(remains(profiles)) == 1


def test_a_second_profile_of_the_account_is_refused(profiles: Profiles) -> None:
    join(profiles)
    with pytest.raises(ProfileExists) as refusal:
        ProfileDraft(profiles, *WHO)
    assert refusal.value.code == "profile.exists"
    for other in (("bob", *WHO[1:]), ("alice", "other.example.org", 7443), ("alice", WHO[1], 7444)):
        assert not ProfileDraft(profiles, *other).resumes


def test_a_join_never_touches_another_profile(profiles: Profiles) -> None:
    join(profiles)
    (existing,) = profiles.complete()
    before = {path.name: path.read_bytes() for path in existing.directory.iterdir()}
    with ProfileDraft(profiles, "bob", "team.example.org", 7443) as draft:
        draft.commit_vault(PASSPHRASE, new_account("bob"))
    assert {path.name: path.read_bytes() for path in existing.directory.iterdir()} == before


def test_a_reset_retires_the_profile_that_it_replaces_only_when_it_is_complete(profiles: Profiles) -> None:
    join(profiles)
    (old,) = profiles.complete()
    with ProfileDraft(profiles, *WHO, replaces=True) as draft:
        draft.commit_vault(PASSPHRASE, new_account())
        draft.sending()
        assert profiles.complete() == (old,)
        new = draft.complete()
        draft.vault.close()
    assert profiles.complete() == (new,)
    assert new.directory != old.directory
    assert old.directory.exists()


def test_two_joins_as_the_same_person_at_once_end_in_one_profile(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as slow:
        with ProfileDraft(profiles, *WHO) as fast:
            fast.commit_vault(PASSPHRASE, NEW)
            with pytest.raises(ProfileBusy):
                slow.commit_vault(PASSPHRASE, new_account())
            with pytest.raises(ProfileBusy):
                ProfileDraft(profiles, *WHO)
            fast.complete()
            fast.vault.close()
        with pytest.raises(ProfileExists):
            slow.commit_vault(PASSPHRASE, new_account())
    assert len(remains(profiles)) == 1


def test_what_a_killed_join_left_before_its_vault_counted_is_removed_by_the_next(profiles: Profiles) -> None:
    profiles.prepare_root()
    for name in ("a" * 32, "b" * 32):
        private_directory(profiles.root, name)
    (profiles.root / ("a" * 32) / "keystore.db").write_bytes(b"half a vault")
    elsewhere = private_directory(profiles.root.parent, "elsewhere")
    (elsewhere / "file").write_text("somebody's")
    private_directory(profiles.root, "notes-of-the-person")
    (profiles.root / ("c" * 32)).symlink_to(elsewhere)
    (profiles.root / ("d" * 32)).write_text("a file")
    (profiles.root / ("e" * 32)).mkdir(mode=0o755)
    join(profiles)
    left = remains(profiles)
    assert len(left) == 5
    assert {"notes-of-the-person", "c" * 32, "d" * 32, "e" * 32} < set(left)
    assert os.listdir(elsewhere) == ["file"]


@pytest.mark.parametrize(("failure", "code"), [(28, "vault.full"), (30, "vault.failed")])
def test_a_disk_that_refuses_a_file_is_told_as_one_of_the_vaults_errors(
    profiles: Profiles, monkeypatch: pytest.MonkeyPatch, failure: int, code: str
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(failure, os.strerror(failure), "keystore.db")

    monkeypatch.setattr(location, "create_private_file", refuse)
    with pytest.raises(ChatError) as refusal, ProfileDraft(profiles, *WHO) as draft:
        draft.commit_vault(PASSPHRASE, NEW)
    assert refusal.value.code == code
    assert remains(profiles) == []


def test_a_directory_that_cannot_be_removed_is_told(profiles: Profiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError(30, os.strerror(30))

    draft = ProfileDraft(profiles, *WHO)
    draft.commit_vault(PASSPHRASE, NEW)
    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(VaultFailed):
        draft.discard()


def test_steps_out_of_order_are_mistakes(profiles: Profiles) -> None:
    with ProfileDraft(profiles, *WHO) as draft:
        for step in (draft.sending, draft.complete, lambda: draft.vault, lambda: draft.open_vault(PASSPHRASE)):
            with pytest.raises(RuntimeError):
                step()
        draft.commit_vault(PASSPHRASE, NEW)
        with pytest.raises(RuntimeError):
            draft.commit_vault(PASSPHRASE, NEW)


# --- kill -9 -------------------------------------------------------------------------------------

JOIN_AND_DIE = """
import os, signal, sys
from pathlib import Path
from secure_chat.client.profile_draft import ProfileDraft
from secure_chat.client.profiles import Profiles, VaultOptions
from tests.client.vault.faults import dying
from tests.client.vault.vaults import FLOOR, PASSPHRASE, new_account
data, step = Path(sys.argv[1]), sys.argv[2]
factory = dying(step.removesuffix(" COMMIT"), 1 if step.endswith("COMMIT") else 0)
profiles = Profiles(data, VaultOptions(cost=FLOOR, factory=factory))
with ProfileDraft(profiles, "alice", "team.example.org", 7443) as draft:
    draft.commit_vault(PASSPHRASE, new_account())
    if step == "sending":
        draft.sending()
    if step == "complete":
        draft.complete()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    ("step", "unfinished", "complete"),
    [
        ("before COMMIT", 0, 0),
        ("after COMMIT", 0, 0),
        ("committed", 1, 0),
        ("sending", 1, 0),
        ("complete", 0, 1),
    ],
)
def test_a_join_killed_anywhere_can_be_begun_or_taken_up_again(
    profiles: Profiles, step: str, unfinished: int, complete: int
) -> None:
    command = [sys.executable, "-c", JOIN_AND_DIE, str(profiles.root.parent), step]
    child = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert child.returncode == -signal.SIGKILL, child.stderr
    assert (len(profiles.unfinished()), len(profiles.complete())) == (unfinished, complete)
    if complete:
        with profiles.choose().acquire() as locked:
            locked.unlock(PASSPHRASE).close()
        return
    with ProfileDraft(profiles, *WHO) as draft:
        assert draft.resumes == bool(unfinished)
        vault = draft.open_vault(PASSPHRASE) if draft.resumes else draft.commit_vault(PASSPHRASE, NEW)
        draft.complete()
        vault.close()
    assert len(remains(profiles)) == 1
