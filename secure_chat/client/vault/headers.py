"""The two headers in the vault's file: the wraps of the master key and those of the identity's seed."""

from typing import Final

from secure_chat.client.vault.database import Database
from secure_chat.client.vault.wraps import IDENTITY_TAG, VAULT_TAG, Header
from secure_chat.errors import VaultDamaged

PURPOSES: Final = (VAULT_TAG, IDENTITY_TAG)  # each is the tag of its wraps and the name of its row

_READ: Final = "SELECT content FROM header WHERE name = ?"
_WRITE: Final = (
    "INSERT INTO header (name, content) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET content = excluded.content"
)


def read_header(database: Database, purpose: str) -> Header:
    """One of the two. Raises `VaultVersion` or `VaultDamaged`."""
    found = database.execute(_READ, (purpose,))
    if not found or not isinstance(content := found[0][0], bytes):
        raise VaultDamaged("The vault's header is missing.")
    return Header.decode(content)


def read_headers(database: Database) -> tuple[Header, ...]:
    """Both, in the order of `PURPOSES`."""
    return tuple(read_header(database, purpose) for purpose in PURPOSES)


def write_headers(database: Database, headers: tuple[Header, ...]) -> None:
    """Write both, inside a transaction of the caller."""
    for purpose, header in zip(PURPOSES, headers, strict=True):
        database.execute(_WRITE, (purpose, header.encode()))
