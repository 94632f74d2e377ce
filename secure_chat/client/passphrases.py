"""Where a passphrase comes from: a private file that was named, the terminal, the keyring; never an argument."""

import contextlib
import hmac
import importlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secure_chat.client.asking import Asking, Terminal
from secure_chat.client.profiles import Profile
from secure_chat.client.vault.vault import Vault
from secure_chat.errors import (
    NothingToAsk,
    PassphraseFileUnusable,
    PassphraseInvalid,
    PassphrasesDiffer,
    VaultPassphrase,
)
from secure_chat.limits import MAX_PASSPHRASE_FILE_BYTES, MIN_PASSPHRASE_CHARACTERS, PASSPHRASE_TRIES
from secure_chat.names import prepare_passphrase

FILE_VARIABLE: Final = "SECURE_CHAT_PASSPHRASE_FILE"
KEYRING_SERVICE: Final = "secure-chat"  # keyring set secure-chat alice@team.example.org

_OPEN_TO_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def read_passphrase_file(path: Path) -> str:
    """The first line of a file that nobody else can read. Raises `PassphraseFileUnusable`."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_uid != os.geteuid():
                raise PassphraseFileUnusable(f"{path} belongs to another user of this machine.")
            if status.st_mode & _OPEN_TO_OTHERS:
                raise PassphraseFileUnusable(f"Others can read or change {path}.", hint=f"chmod 600 {path}")
            line = file.readline(MAX_PASSPHRASE_FILE_BYTES)
        return line.decode("utf-8").rstrip("\r\n")
    except OSError as error:
        raise PassphraseFileUnusable(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise PassphraseFileUnusable(f"{path} is not UTF-8.") from error


def new_passphrase(asking: Asking) -> str:
    """A passphrase that was typed twice and can be used; asked again after a slip where somebody is there.

    Raises `PassphraseInvalid` or `PassphrasesDiffer`.
    """
    while True:
        try:
            first = checked_new(asking.hidden("Passphrase: "))
            if not hmac.compare_digest(first.encode("utf-8"), asking.hidden("again: ").encode("utf-8")):
                raise PassphrasesDiffer
        except (PassphraseInvalid, PassphrasesDiffer) as error:
            if not asking.repeats:
                raise
            slip = error
        else:
            return first
        asking.say(slip.sentence)


def checked_new(passphrase: str) -> str:
    """A new passphrase, if it is long enough and every keyboard can type it. Raises `PassphraseInvalid`."""
    if len(passphrase) < MIN_PASSPHRASE_CHARACTERS:
        raise PassphraseInvalid(f"A passphrase has at least {MIN_PASSPHRASE_CHARACTERS} characters.")
    prepare_passphrase(passphrase)
    return passphrase


@dataclass(frozen=True, slots=True)
class PassphraseSource:
    """Where commands other than join and login find the passphrase of a profile."""

    file: Path | None = None  # named by an option, the environment or the settings

    def unlock(self, profile: Profile) -> tuple[Vault, str]:
        """Open a profile: the vault, which is the caller's to close, and the passphrase that opened it.

        The profile is held before anybody is asked. Raises what `Profile.acquire` and `LockedProfile.unlock` raise,
        `PassphraseFileUnusable`, and `NothingToAsk` where there is no terminal, no keyring and no file.
        """
        with profile.acquire() as locked:
            if self.file is not None:
                passphrase = read_passphrase_file(self.file)
                return locked.unlock(passphrase), passphrase
            with contextlib.ExitStack() as stack:
                terminal = Terminal.open()
                if terminal is not None:
                    prompt = f"Passphrase of {profile.title}: "
                    return ask_and_open(stack.enter_context(terminal), prompt, locked.unlock)
            kept = keyring_passphrase(profile.title)
            if kept is None:
                raise NothingToAsk("There is no terminal to ask for the passphrase on.")
            return locked.unlock(kept), kept


def ask_and_open(asking: Asking, prompt: str, open_with: Callable[[str], Vault]) -> tuple[Vault, str]:
    """Ask for the passphrase of a vault, three times where somebody is there. Raises `VaultPassphrase`."""
    for left in reversed(range(PASSPHRASE_TRIES if asking.repeats else 1)):
        passphrase = asking.hidden(prompt)
        try:
            return open_with(passphrase), passphrase
        except (VaultPassphrase, PassphraseInvalid) as error:
            if not left:
                raise
            asking.say(error.sentence)
    raise VaultPassphrase


def keyring_passphrase(title: str) -> str | None:
    """What the person has put into the system's keyring for this profile; None without the package or the entry."""
    try:
        keyring, errors = importlib.import_module("keyring"), importlib.import_module("keyring.errors")
    except ImportError:
        return None
    try:
        found = keyring.get_password(KEYRING_SERVICE, title)
    except errors.KeyringError as error:
        raise NothingToAsk(f"The keyring cannot be used: {type(error).__name__}.") from error
    return found if isinstance(found, str) else None
