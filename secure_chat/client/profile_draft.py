"""A profile in the making: kept once the server may know of it, gone without a trace before.

The order that no crash may upset: vault and keys are committed, then the label says that a request may have left, then
it leaves; when the server has answered, the label says that the profile is complete. A directory without a label was
cut off before its vault counted and is removed by the next one that makes a profile.
"""

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

import msgspec

from secure_chat.client.profile_label import LABEL_NAME, ProfileLabel, ProfileState, write_label
from secure_chat.client.profiles import LockedProfile, Profile, Profiles
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.errors import ChatError, ProfileBusy, ProfileExists

_DIRECTORY_NAME_BYTES: Final = 16


def _nothing_more(_transaction: Transaction) -> None:
    return


class ProfileDraft:
    """One attempt to make the profile of an account. Hold it in a `with` block: its end discards what is not kept."""

    def __init__(self, profiles: Profiles, name: str, host: str, port: int, *, replaces: bool = False) -> None:
        """Look for what is there; nothing is written yet. `name`: mapped, `host`: canonical.

        `replaces`: an account's complete profile here is retired when this one is complete (a link of `user reset`).
        Raises `ProfileExists` for a complete profile otherwise; for an unfinished one, which is held from now on,
        `ProfileBusy` and what `SealedVault` raises.
        """
        self._profiles = profiles
        self._account = (name, host, port)
        self._replaces = replaces
        self._vault: Vault | None = None
        self._profile: Profile | None = None
        self._locked: LockedProfile | None = None
        self._refuse_existing()
        for unfinished in profiles.unfinished():
            if unfinished.is_of(name, host, port):
                self._locked = unfinished.acquire()
                self._profile = unfinished
                break

    @property
    def resumes(self) -> bool:
        """Whether an earlier attempt lies there: ask for its passphrase and call `open_vault`."""
        return self._locked is not None

    @property
    def vault(self) -> Vault:
        """The open vault."""
        if self._vault is None:
            raise RuntimeError("the draft has no open vault yet")
        return self._vault

    def open_vault(self, passphrase: str) -> Vault:
        """Open the vault of the earlier attempt. Raises what `LockedProfile.unlock` raises."""
        if self._locked is None:
            raise RuntimeError("the draft takes up no earlier attempt")
        self._vault = self._locked.unlock(passphrase)
        return self._vault

    def start_over(self) -> None:
        """Remove the earlier attempt with its keys. If the server has accepted them, the account is lost to it."""
        if self._locked is not None and self._profile is not None:
            self._locked.close()
            self._locked = None
            self._remove(self._profile.directory)
            self._profile = None

    def commit_vault(
        self, passphrase: str, new: NewVault, also: Callable[[Transaction], object] = _nothing_more
    ) -> Vault:
        """Make the vault and write what is to be registered, and `also` more; durable when this returns.

        Raises `ProfileExists` or `ProfileBusy` when another process was faster, the errors of names.py for the
        passphrase, and the vault's; then nothing is left on the disk.
        """
        if self._profile is not None:
            raise RuntimeError("the draft has a vault already")
        self._profiles.prepare_root()
        with location.ExclusiveLock(self._profiles.root):
            self._refuse_existing()
            if any(each.is_of(*self._account) for each in self._profiles.unfinished()):
                raise ProfileBusy("Another `join` as the same person runs on this machine.")
            self._remove_leftovers()
            self._profile = self._make(passphrase, new, also)
        return self.vault

    def sending(self) -> None:
        """Say durably that the server may know of this device from now on: call it before the request's first byte."""
        self._mark(ProfileState.SENT)

    def complete(self) -> Profile:
        """The server has accepted this device: the profile is there, and is the one last used. The vault stays open."""
        if self._replaces:
            for replaced in self._complete_ones():
                write_label(replaced.directory, msgspec.structs.replace(replaced.label, state=ProfileState.RETIRED))
        profile = self._mark(ProfileState.COMPLETE)
        self._profiles.mark_used(profile)
        return profile

    def discard(self, *, refused: bool = False) -> None:
        """Close the vault and remove everything, unless the server may know of this device.

        `refused`: the server has answered that it does not, and never will (`name.taken`, `invite.used`).
        """
        if self._vault is not None:
            self._vault.close()
        if self._locked is not None:
            self._locked.close()
        # Without the open vault nobody has shown that these keys are his to remove.
        if self._profile is not None and self._vault is not None:
            state = self._profile.label.state
            if state is ProfileState.PREPARED or (refused and state is ProfileState.SENT):
                self._remove(self._profile.directory)
        self._vault = self._locked = self._profile = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._profile is None or self._profile.label.state is not ProfileState.COMPLETE:
            self.discard()

    def _make(self, passphrase: str, new: NewVault, also: Callable[[Transaction], object]) -> Profile:
        def write(transaction: Transaction) -> None:
            new.write(transaction)
            also(transaction)

        options = self._profiles.options
        directory = self._profiles.root / options.random(_DIRECTORY_NAME_BYTES).hex()
        try:
            location.create_private_directory(directory)
            self._vault = create_vault(
                directory,
                passphrase,
                new.identity.seed,
                write,
                cost=options.cost,
                factory=options.factory,
                random=options.random,
            )
            label = ProfileLabel.of(new.account, ProfileState.PREPARED)
            write_label(directory, label)
            location.synchronise_directory(self._profiles.root)
        except OSError as error:
            self._discard_half_made(directory)
            raise location.disk_error(error) from error
        except BaseException:
            self._discard_half_made(directory)
            raise
        return Profile(directory, label, options)

    def _discard_half_made(self, directory: Path) -> None:
        if self._vault is not None:
            self._vault.close()
            self._vault = None
        shutil.rmtree(directory, ignore_errors=True)

    def _mark(self, state: ProfileState) -> Profile:
        if self._profile is None:
            raise RuntimeError("the draft has no vault yet")
        label = ProfileLabel.of(login_state.account(self.vault), state)
        write_label(self._profile.directory, label)
        self._profile = Profile(self._profile.directory, label, self._profiles.options)
        return self._profile

    def _complete_ones(self) -> list[Profile]:
        return [profile for profile in self._profiles.complete() if profile.is_of(*self._account)]

    def _refuse_existing(self) -> None:
        if not self._replaces and self._complete_ones():
            title = self._complete_ones()[0].title
            raise ProfileExists(f"{title} is on this machine already.", hint=f"open it: secure-chat --profile {title}")

    def _remove(self, directory: Path) -> None:
        # Whoever holds it meanwhile has taken the attempt up and needs it.
        with contextlib.suppress(ProfileBusy), location.ExclusiveLock(directory):
            try:
                (directory / LABEL_NAME).unlink(missing_ok=True)
                shutil.rmtree(directory)
                location.synchronise_directory(directory.parent)
            except OSError as error:
                raise location.disk_error(error) from error

    def _remove_leftovers(self) -> None:
        for directory in self._profiles.directories():
            with contextlib.suppress(ChatError):  # not ours to judge: nothing depends on it
                location.check_private_directory(directory)
                if not os.path.lexists(directory / LABEL_NAME):
                    self._remove(directory)
