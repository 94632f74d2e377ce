"""What join and login must know of a person: given by an option or a file, else asked for."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from secure_chat.client.asking import Asking
from secure_chat.client.passphrases import ask_and_open, checked_new, new_passphrase
from secure_chat.client.sentences import error_sentences
from secure_chat.client.vault.vault import Vault
from secure_chat.e2ee.recovery_kit import parse_recovery_key
from secure_chat.errors import InviteBound, NameInvalid, NotConfirmed, RecoveryKeyInvalid
from secure_chat.names import user_name

_NO_KEY: Final = ""
_YES: Final = ("y", "yes")


@dataclass(frozen=True, slots=True)
class Answers:
    """One person's answers, each asked for when it is needed."""

    asking: Asking
    name: str | None = None  # as it was given
    passphrase: str | None = field(default=None, repr=False)
    yes: bool = False  # to what would be asked

    def user_name(self, *, bound: str = "", suggested: str = "") -> str:
        """The name in its mapped form. `bound`: the only one that an invite is for; `suggested`: taken for Enter.

        Raises `NameInvalid` or `InviteBound`, where nobody is there to answer again.
        """
        if self.name is not None:
            return _fitting(self.name, bound)
        if bound and self.asking.repeats:
            self.asking.say(f"This link is for {bound}.")
            return bound
        default = bound or suggested
        prompt = f"User name [{default}]: " if default else "User name: "
        while True:
            try:
                return _fitting(self.asking.line(prompt).strip() or default, bound)
            except NameInvalid as error:
                if not self.asking.repeats:
                    raise
                slip = error
            self.asking.say(slip.sentence)

    def new_passphrase(self) -> str:
        """One that this account will have. Raises `PassphraseInvalid` or `PassphrasesDiffer`."""
        if self.passphrase is not None:
            return checked_new(self.passphrase)
        return new_passphrase(self.asking)

    def known_passphrase(self) -> str:
        """The one that this account has."""
        return self.asking.hidden("Passphrase: ") if self.passphrase is None else self.passphrase

    def open_vault(self, open_with: Callable[[str], Vault]) -> tuple[Vault, str]:
        """Open the vault of an attempt that was cut off. Raises `VaultPassphrase`."""
        if self.passphrase is not None:
            return open_with(self.passphrase), self.passphrase
        return ask_and_open(self.asking, "Passphrase: ", open_with)

    def recovery_seed(self, *, may_be_missing: bool) -> bytes | None:
        """The seed of a recovery key; None for an empty answer, where that is one. Raises `RecoveryKeyInvalid`."""
        prompt = "Recovery key (Enter if it is lost): " if may_be_missing else "Recovery key: "
        while True:
            typed = self.asking.seen_once(prompt).strip()
            if may_be_missing and typed == _NO_KEY:
                return None
            try:
                return parse_recovery_key(typed)
            except RecoveryKeyInvalid as error:
                if not self.asking.repeats:
                    raise
                slip = error
            self.asking.say(" ".join(error_sentences(slip)))

    def agree(self, consequence: str) -> None:
        """Have the person agree to what is about to happen. Raises `NotConfirmed`."""
        self.asking.say(consequence)
        if self.yes:
            return
        if not self.asking.repeats:
            raise NotConfirmed("Nobody is there to agree to this; nothing was changed.", hint="if it is meant: --yes")
        if self.asking.line("Go on? [y/N]: ").strip().casefold() not in _YES:
            raise NotConfirmed


def suggested_name() -> str:
    """The name of this machine's user, if it can be a name here; else nothing."""
    try:
        return user_name(getpass.getuser())
    except (NameInvalid, OSError, KeyError):
        return ""


def _fitting(text: str, bound: str) -> str:
    name = user_name(text)
    if bound and name != bound:
        raise InviteBound(f"This link is for {bound}, not for {name}.")
    return name
