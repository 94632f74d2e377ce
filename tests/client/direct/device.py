"""One device's vault for tests of its prekeys, with a clock that is set by hand."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.direct.prekey_records import FIRST_MESSAGES, ONE_TIME_PREKEYS, PrekeyLedger, prekey_id_of
from secure_chat.client.vault.database import ConnectionFactory, connect
from secure_chat.client.vault.enrolment import NewVault
from secure_chat.client.vault.records import SIGNED_PREKEYS, StoredSignedPrekey
from secure_chat.client.vault.vault import Vault, create_vault
from tests.client.vault.vaults import FLOOR, NOW_MS, PASSPHRASE, new_account, open_vault, private_directory

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Clock:
    """Milliseconds since 1970 that pass when a test says so."""

    def __init__(self, now: int = NOW_MS) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True, slots=True)
class Template:
    """A closed vault to copy: deriving its keys is slow on purpose."""

    directory: Path
    new: NewVault


def make_template(parent: Path) -> Template:
    """The vault of a new account."""
    directory, new = private_directory(parent), new_account()
    create_vault(directory, PASSPHRASE, new.identity.seed, new.write, cost=FLOOR).close()
    return Template(directory, new)


class Device:
    """A device with its vault, copied to `directory`."""

    def __init__(
        self,
        template: Template,
        directory: Path,
        clock: Clock | None = None,
        *,
        factory: ConnectionFactory = connect,
    ) -> None:
        shutil.copytree(template.directory, directory)
        self.directory = directory
        self.new = template.new
        self.clock = clock or Clock()
        self.vault: Vault = open_vault(directory, factory=factory)
        self.prekeys = OwnPrekeys(self.vault, os.urandom, self.clock)

    def restart(self) -> None:
        """Close the vault and open it again, as another start of the program does."""
        self.vault.close()
        self.vault = open_vault(self.directory)
        self.prekeys = OwnPrekeys(self.vault, os.urandom, self.clock)

    @property
    def ledger(self) -> PrekeyLedger:
        """How things stand."""
        with self.vault.transaction() as transaction:
            return self.prekeys.ledger(transaction)

    def one_time_ids(self) -> set[bytes]:
        """The ids of all one-time secrets on the disk."""
        return {prekey_id_of(row) for row, _ in self.vault.scan(ONE_TIME_PREKEYS)}

    def signed(self) -> dict[bytes, StoredSignedPrekey]:
        """All signed prekeys on the disk by their ids."""
        return {bytes.fromhex(row): stored for row, stored in self.vault.scan(SIGNED_PREKEYS)}

    def first_messages(self) -> int:
        """How many first messages are remembered."""
        return len(self.vault.scan(FIRST_MESSAGES))

    def make_and_confirm(self, count: int) -> tuple[bytes, ...]:
        """Make one-time prekeys that the server then has; their ids."""
        with self.vault.transaction() as transaction:
            self.prekeys.make(transaction, count)
            fresh = self.prekeys.ledger(transaction).fresh
            self.prekeys.offer(transaction, rotate=False)
            self.prekeys.confirmed(transaction)
        return fresh

    def rotate(self) -> bytes:
        """A new signed prekey, confirmed; its id."""
        with self.vault.transaction() as transaction:
            self.prekeys.offer(transaction, rotate=True)
            offered = self.prekeys.ledger(transaction).offered
            assert offered is not None
            self.prekeys.confirmed(transaction)
        return offered.signed_prekey


@contextmanager
def device(template: Template, directory: Path, clock: Clock | None = None) -> Iterator[Device]:
    """A device, closed at the end."""
    made = Device(template, directory, clock)
    try:
        yield made
    finally:
        made.vault.close()
