"""A vault that is locked against other processes but not open yet: where the passphrase is tried."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from secure_chat.client.vault import location
from secure_chat.client.vault.database import ConnectionFactory, Database, connect
from secure_chat.client.vault.headers import read_header
from secure_chat.client.vault.vault import Vault
from secure_chat.client.vault.wraps import VAULT_TAG
from secure_chat.names import prepare_passphrase


class SealedVault:
    """The vault of one directory, checked and held; `unlock` may be tried until the passphrase is right.

    So a person learns that the profile is in use before any passphrase is asked for. Hold it in a `with` block: its
    end closes what `unlock` has not handed over.
    """

    def __init__(
        self,
        directory: Path,
        *,
        factory: ConnectionFactory = connect,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Check and lock.

        Raises `ProfileBusy`, `VaultMissing`, `VaultPermissions`, `VaultOwner`, `VaultSymlink`, `VaultVersion`,
        `VaultDamaged` or `VaultFailed`.
        """
        self._random = random
        location.check_vault(directory)
        with contextlib.ExitStack() as held:
            self._lock = held.enter_context(location.ExclusiveLock(directory))
            self._database = Database(location.check_vault(directory), factory)
            held.callback(self._database.close)
            self._database.check_schema()
            self._header = read_header(self._database, VAULT_TAG)
            self._held = held.pop_all()

    def unlock(self, passphrase: str) -> Vault:
        """Hand the open vault over. Raises `VaultPassphrase`; then another passphrase may be tried."""
        prepared = prepare_passphrase(passphrase)
        key, opened_by = self._header.open(VAULT_TAG, prepared)
        self._held.pop_all()
        return Vault(self._database, self._lock, key, opened_by=opened_by, random=self._random)

    def close(self) -> None:
        """Let go, unless `unlock` has handed the vault over."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
