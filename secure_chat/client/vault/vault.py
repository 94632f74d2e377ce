"""The open vault of one account on one device: durable transactions, and the change of its passphrase."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from secure_chat.client.vault import location
from secure_chat.client.vault.database import SCHEMA, ConnectionFactory, Database, connect
from secure_chat.client.vault.headers import PURPOSES, read_header, read_headers, write_headers
from secure_chat.client.vault.tables import Record, Table
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.wraps import DEFAULT_COST, IDENTITY_TAG, SECRET_BYTES, VAULT_TAG, Cost, Header, Wrap
from secure_chat.errors import PassphraseChangePending
from secure_chat.names import prepare_passphrase


class Vault:
    """An open vault. Hold it in a `with` block, or call `close`.

    Threads may share it: one transaction runs at a time. What a transaction wrote is on the disk when its block ends.
    """

    def __init__(
        self,
        database: Database,
        lock: location.ExclusiveLock,
        key: bytes,
        *,
        opened_by: int = 0,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Only `create_vault` and `SealedVault.unlock` call this; `opened_by`: which wrap the passphrase opened."""
        self._database = database
        self._lock = lock
        self._key = key
        self._opened_by = opened_by
        self._random = random
        # Tier 0, outside of all others: the one lock held during disk writes, because their order is what it guards.
        self._turn = threading.Lock()
        self._turn_of: int | None = None

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Everything written in the block, or nothing: durable when the block has ended, gone if it raised.

        Raises `VaultFull` when the disk is full (the vault can be used on), `VaultFailed` or `VaultDamaged` when it
        cannot be written or read (nothing is written any more until it is opened anew).
        """
        with self._taking_turns():
            transaction = Transaction(self._database, self._key, self._random)
            try:
                with self._database.transaction():
                    yield transaction
            finally:
                transaction.end()

    def get(self, table: Table[Record], row_id: str) -> Record | None:
        """Read one record, or None."""
        with self.transaction() as transaction:
            return transaction.get(table, row_id)

    def scan(self, table: Table[Record]) -> list[tuple[str, Record]]:
        """Read all row ids and records of a table, in the order of the ids."""
        with self.transaction() as transaction:
            return transaction.scan(table)

    def unlock_identity(self, passphrase: str) -> bytes:
        """The 32-byte seed of the user identity key, to sign a device list and forget at once.

        The open vault does not hold it. Raises `VaultPassphrase`.
        """
        prepared = prepare_passphrase(passphrase)
        with self._taking_turns():
            header = read_header(self._database, IDENTITY_TAG)
        return header.open(IDENTITY_TAG, prepared)[0]

    def truncate_log(self) -> None:
        """Empty the log of changes beside the database: what a transaction has destroyed is nowhere from now on."""
        with self._taking_turns():
            self._database.truncate_log()

    # --- change of the passphrase ----------------------------------------------------------------

    @property
    def change_pending(self) -> bool:
        """Whether both an older and a newer passphrase open this vault."""
        with self._taking_turns():
            return _is_pending(read_headers(self._database))

    def begin_passphrase_change(self, old: str, new: str, *, cost: Cost = DEFAULT_COST) -> None:
        """Let the new passphrase open the vault too. Then tell the server, then finish or abandon the change.

        Raises `VaultPassphrase` for a wrong old one, `PassphraseChangePending` while another change is.
        """
        old_bytes, new_bytes = (prepare_passphrase(each) for each in (old, new))
        with self._taking_turns():
            headers = read_headers(self._database)
        if _is_pending(headers):
            raise PassphraseChangePending
        widened = []
        for purpose, header in zip(PURPOSES, headers, strict=True):
            secret, _ = header.open(purpose, old_bytes)
            widened.append(Header((*header.wraps, Wrap.seal(purpose, secret, new_bytes, cost, self._random))))
        with self._taking_turns(), self._database.transaction():
            write_headers(self._database, tuple(widened))

    def finish_passphrase_change(self) -> None:
        """Destroy what the old passphrase opens: the server knows the new one."""
        self._keep_wrap(1)

    def abandon_passphrase_change(self) -> None:
        """Destroy what the new passphrase opens: the server still knows the old one."""
        self._keep_wrap(0)

    def settle_passphrase_change(self) -> None:
        """Keep the passphrase that opened this vault, after the server accepted a login with it."""
        self._keep_wrap(self._opened_by)

    def _keep_wrap(self, position: int) -> None:
        with self._taking_turns():
            headers = read_headers(self._database)
            if not _is_pending(headers):
                return
            with self._database.transaction():
                write_headers(self._database, tuple(header.only(position) for header in headers))
            self._opened_by = 0
            self._database.truncate_log()  # the destroyed wraps must not live on in the WAL

    # --- end -------------------------------------------------------------------------------------

    def close(self) -> None:
        """Checkpoint, empty the WAL, close, let go of the lock. A second call does nothing."""
        with self._taking_turns():
            self._database.close()
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _taking_turns(self) -> Iterator[None]:
        if self._turn_of == threading.get_ident():
            raise RuntimeError("a transaction of the vault is already running in this thread")
        with self._turn:
            self._turn_of = threading.get_ident()
            try:
                yield
            finally:
                self._turn_of = None


def create_vault(
    directory: Path,
    passphrase: str,
    identity_seed: bytes,
    write_first_rows: Callable[[Transaction], None],
    *,
    cost: Cost = DEFAULT_COST,
    factory: ConnectionFactory = connect,
    random: Callable[[int], bytes] = os.urandom,
) -> Vault:
    """Make a vault in an empty private directory: wraps and first rows in one transaction, durable at return.

    `identity_seed`: the 32 bytes of the user identity key, sealed apart from everything else. Raises the errors of
    names.py for a passphrase that cannot be used, and the vault's own; what was made until then is the caller's to
    remove, with the directory.
    """
    prepared = prepare_passphrase(passphrase)
    location.check_private_directory(directory)
    key = random(SECRET_BYTES)
    headers = tuple(
        Header((Wrap.seal(purpose, secret, prepared, cost, random),))
        for purpose, secret in ((VAULT_TAG, key), (IDENTITY_TAG, identity_seed))
    )
    with contextlib.ExitStack() as undo:
        lock = undo.enter_context(location.ExclusiveLock(directory))
        location.create_private_file(directory / location.DATABASE_NAME)
        database = Database(location.check_vault(directory), factory)
        undo.callback(database.close)
        with database.transaction():
            for statement in SCHEMA:
                database.execute(statement)
            write_headers(database, headers)
            write_first_rows(Transaction(database, key, random))
        location.synchronise_directory(directory)
        undo.pop_all()
    return Vault(database, lock, key, random=random)


def _is_pending(headers: tuple[Header, ...]) -> bool:
    return any(len(header.wraps) > 1 for header in headers)
