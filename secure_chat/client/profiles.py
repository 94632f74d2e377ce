"""The profiles of a machine: one account on one server each, found, listed, chosen and opened.

A profile is a directory below DATA/profiles with a random name, for no name on the disk is made from a person's text:
the vault, the lock, and the label by which it is found.
"""

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import platformdirs

from secure_chat import limits
from secure_chat.certificates.files import make_directories
from secure_chat.certificates.hosts import host_and_port
from secure_chat.client.profile_label import ProfileLabel, ProfileState, read_label, write_label
from secure_chat.client.vault import location, login_state
from secure_chat.client.vault.database import ConnectionFactory, connect
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.vault import Vault
from secure_chat.client.vault.wraps import DEFAULT_COST, Cost
from secure_chat.errors import (
    ChatError,
    ProfileAltered,
    ProfileAmbiguous,
    ProfileUnknown,
    VaultFailed,
    VaultFull,
    VaultMissing,
)

DATA_VARIABLE: Final = "SECURE_CHAT_DATA"

_APPLICATION: Final = "secure-chat"
_NEWCOMERS: Final = "secure-chat join LINK, or with an account already: secure-chat login --recovery LINK"
_PROFILES: Final = "profiles"
_LAST_USED: Final = "last-used"
_LAST_USED_BYTES: Final = 64  # more than any name of a directory here
_DIRECTORY: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)


def data_directory(chosen: str | os.PathLike[str] | None = None) -> Path:
    """Where profiles lie: `chosen` (--data), else the environment's SECURE_CHAT_DATA, else the XDG directory."""
    named = chosen or os.environ.get(DATA_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_data_path(_APPLICATION, appauthor=False)


@dataclass(frozen=True, slots=True)
class VaultOptions:
    """How vaults are made and opened; the product uses the defaults, tests hand in others."""

    cost: Cost = DEFAULT_COST
    factory: ConnectionFactory = connect
    random: Callable[[int], bytes] = os.urandom


@dataclass(frozen=True, slots=True)
class Profile:
    """One profile as its label tells it: good for showing and choosing, for nothing else before `unlock`."""

    directory: Path
    label: ProfileLabel
    options: VaultOptions = VaultOptions()

    @property
    def title(self) -> str:
        """`USER@HOST`, with the port where it is not the usual one."""
        return self.label.title

    def is_called(self, wanted: str) -> bool:
        """Whether a person may mean this profile by `wanted`: USER, USER@HOST or USER@HOST:PORT, in any case."""
        name, host, port = self.label.name, self.label.host, self.label.port
        spellings = (name, f"{name}@{host}", f"{name}@{host_and_port(host, port)}", self.title)
        return wanted.casefold() in (spelling.casefold() for spelling in spellings)

    def is_of(self, name: str, host: str, port: int) -> bool:
        """Whether it is the profile of this account."""
        return (self.label.name, self.label.host, self.label.port) == (name, host, port)

    def acquire(self) -> "LockedProfile":
        """Hold the profile, before any passphrase is asked for. Raises `ProfileBusy` and what `SealedVault` raises."""
        return LockedProfile(
            self, SealedVault(self.directory, factory=self.options.factory, random=self.options.random)
        )


class LockedProfile:
    """A profile that no other process can open meanwhile. Hold it in a `with` block until `unlock` has succeeded."""

    def __init__(self, profile: Profile, sealed: SealedVault) -> None:
        self.profile = profile
        self._sealed = sealed

    def unlock(self, passphrase: str) -> Vault:
        """The open vault, which is the caller's to close.

        Raises `VaultPassphrase`, after which another may be tried, and `ProfileAltered` when the label leads to the
        vault of another account. Where it tells other facts of the same account, it is written anew from the vault.
        """
        vault = self._sealed.unlock(passphrase)
        try:
            self._check_label(vault)
        except BaseException:
            vault.close()
            raise
        return vault

    def close(self) -> None:
        """Let go, unless the vault was handed over."""
        self._sealed.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_label(self, vault: Vault) -> None:
        label = self.profile.label
        sealed = ProfileLabel.of(login_state.account(vault), label.state)
        if (label.name, label.host, label.server_id) != (sealed.name, sealed.host, sealed.server_id):
            raise ProfileAltered(f"This profile says {label.title}, but its vault is of {sealed.title}.")
        if label != sealed:
            write_label(self.profile.directory, sealed)


class Profiles:
    """All profiles below one data directory."""

    def __init__(self, data: Path, options: VaultOptions = VaultOptions()) -> None:
        """Nothing is made on the disk before a profile is."""
        self._root = data / _PROFILES
        self.options = options

    @property
    def root(self) -> Path:
        """The directory of the profiles' directories."""
        return self._root

    def complete(self) -> tuple[Profile, ...]:
        """The profiles that can be used, in the order of their titles."""
        return self._in_state(ProfileState.COMPLETE)

    def unfinished(self) -> tuple[Profile, ...]:
        """Those whose making was cut off; the same `join` or recovery takes them up again."""
        return self._in_state(ProfileState.PREPARED, ProfileState.SENT)

    def unreadable(self) -> tuple[ChatError, ...]:
        """What is wrong with the profiles that neither list can show, one error each, with its path."""
        found = (self._read(directory) for directory in self.directories())
        # One without a label is being made at this moment, or was cut off before anything counted.
        return tuple(each for each in found if isinstance(each, ChatError) and not isinstance(each, VaultMissing))

    def choose(self, wanted: str | None = None) -> Profile:
        """The profile that a person means: the one called `wanted`, else the only one, else the last used.

        Raises `ProfileUnknown` or `ProfileAmbiguous`, which name what there is.
        """
        profiles = self.complete()
        if wanted is not None:
            profiles = tuple(profile for profile in profiles if profile.is_called(wanted))
        if len(profiles) == 1:
            return profiles[0]
        if not profiles:
            raise self._nothing_found(wanted)
        last = None if wanted is not None else self._last_used()
        for profile in profiles:
            if profile.directory.name == last:
                return profile
        titles = ", ".join(profile.title for profile in profiles)
        raise ProfileAmbiguous(f"More than one profile fits: {titles}.", hint=f"--profile {profiles[0].title}")

    def mark_used(self, profile: Profile) -> None:
        """Let this one be chosen next time when none is named. A full disk only loses the choice."""
        try:
            location.write_private_file(self._root / _LAST_USED, profile.directory.name.encode("ascii"))
        except (VaultFull, VaultFailed):
            return

    def directories(self) -> list[Path]:
        """Every directory that may hold a profile, 200 at most. Raises the vault's errors when others could write."""
        if not os.path.lexists(self._root):
            return []
        location.check_private_directory(self._root)
        try:
            names = sorted(name for name in os.listdir(self._root) if _DIRECTORY.fullmatch(name))
        except OSError as error:
            raise location.disk_error(error) from error
        return [self._root / name for name in names[: limits.MAX_PROFILES]]

    def prepare_root(self) -> None:
        """Make the data directory where it is missing. Raises the vault's errors when it is not the person's own."""
        try:
            with contextlib.suppress(FileExistsError):
                make_directories(self._root.parent)
            location.check_not_writable_by_others(self._root.parent)
            if not os.path.lexists(self._root):
                location.create_private_directory(self._root)
        except OSError as error:
            raise location.disk_error(error) from error
        location.check_private_directory(self._root)

    def _in_state(self, *states: ProfileState) -> tuple[Profile, ...]:
        found = (self._read(directory) for directory in self.directories())
        profiles = [each for each in found if isinstance(each, Profile) and each.label.state in states]
        return tuple(sorted(profiles, key=lambda profile: profile.title))

    def _read(self, directory: Path) -> Profile | ChatError:
        try:
            return Profile(directory, read_label(directory), self.options)
        except ChatError as error:
            return error

    def _last_used(self) -> str | None:
        """The name of a directory, or whatever else stands in that file: it is only compared."""
        try:
            with (self._root / _LAST_USED).open("rb") as file:
                return file.read(_LAST_USED_BYTES).decode("ascii")
        except (OSError, UnicodeDecodeError):
            return None

    def _nothing_found(self, wanted: str | None) -> ProfileUnknown:
        existing = ", ".join(profile.title for profile in self.complete())
        if existing:
            return ProfileUnknown(f"No profile is called {wanted}.", hint=f"choose one of these: {existing}")
        begun = self.unfinished()
        if begun:
            return ProfileUnknown(
                f"Joining as {begun[0].title} was not finished.", hint="secure-chat join with the same link goes on"
            )
        for error in self.unreadable():
            return ProfileUnknown(f"The profile here cannot be used. {error.sentence}", hint=error.next_step)
        return ProfileUnknown("There is no profile on this machine.", hint=_NEWCOMERS)
