"""Vaults for tests: at the cheapest derivation that the product accepts, with real keys in them."""

import itertools
import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from secure_chat import limits
from secure_chat.certificates.pins import compress, server_id
from secure_chat.client.vault.database import ConnectionFactory, connect
from secure_chat.client.vault.enrolment import NewVault, ServerFacts, register
from secure_chat.client.vault.sealed import SealedVault
from secure_chat.client.vault.tables import Table
from secure_chat.client.vault.vault import Vault, create_vault
from secure_chat.client.vault.wraps import Cost

FLOOR = Cost(limits.MIN_VAULT_ARGON2_OPS, limits.MIN_VAULT_ARGON2_MEMORY_KIB)
PASSPHRASE = "correct horse battery staple"
SEED = bytes(range(32))
NOW_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Note:
    """A record of no table that the product has."""

    text: str = field(repr=False)


NOTES = Table("note", Note)
OTHER_NOTES = Table("other_note", Note)


def server_facts(host: str = "team.example.org", port: int = limits.DEFAULT_PORT) -> ServerFacts:
    authority = compress(ec.generate_private_key(ec.SECP256R1()).public_key())
    return ServerFacts(host, port, authority, server_id(authority), os.urandom(32))


def new_account(name: str = "alice", host: str = "team.example.org", port: int = limits.DEFAULT_PORT) -> NewVault:
    return register(server_facts(host, port), name, os.urandom, NOW_MS)


def private_directory(parent: Path, name: str = "vault") -> Path:
    directory = parent / name
    directory.mkdir(mode=0o700)
    return directory


def make_vault(
    directory: Path,
    *,
    factory: ConnectionFactory = connect,
    random: Callable[[int], bytes] = os.urandom,
) -> Vault:
    """A vault with one note in it."""
    return create_vault(
        directory,
        PASSPHRASE,
        SEED,
        lambda transaction: transaction.put(NOTES, "first", Note("buy milk")),
        cost=FLOOR,
        factory=factory,
        random=random,
    )


def open_vault(directory: Path, passphrase: str = PASSPHRASE, *, factory: ConnectionFactory = connect) -> Vault:
    with SealedVault(directory, factory=factory) as sealed:
        return sealed.unlock(passphrase)


def counting_bytes() -> Callable[[int], bytes]:
    """A source that never repeats itself and is the same at each run."""
    numbers = itertools.count(1)

    def draw(length: int) -> bytes:
        return next(numbers).to_bytes(length, "big")

    return draw


def alter(directory: Path, statement: str, *parameters: object) -> int:
    """Change the closed database as somebody who can write to the file would; how many rows it touched."""
    connection = sqlite3.connect(directory / "keystore.db", isolation_level=None)
    try:
        return connection.execute(statement, parameters).rowcount
    finally:
        connection.close()


def one_row(directory: Path, statement: str) -> tuple[object, ...]:
    """What a statement finds first in the closed database."""
    connection = sqlite3.connect(directory / "keystore.db", isolation_level=None)
    try:
        row: tuple[object, ...] = connection.execute(statement).fetchone()
        return row
    finally:
        connection.close()


def every_byte_on_disk(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())
