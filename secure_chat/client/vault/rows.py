"""A row sealed under the master key, bound to its table, its id, its schema and its write count.

PROTOCOL.md, "The vault": XChaCha20-Poly1305 with 24 random nonce bytes for each write; the associated data is
`T("row") || enc(table str, row id str, schema 2, generation 8)`.
"""

from dataclasses import dataclass
from typing import Final

from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt, crypto_aead_xchacha20poly1305_ietf_encrypt
from nacl.exceptions import CryptoError

from secure_chat.encoding import Writer, tag
from secure_chat.errors import EncodingError, VaultDamaged

NONCE_BYTES: Final = 24


@dataclass(frozen=True, slots=True)
class RowAddress:
    """Where a row stands: nothing sealed for one address opens at another."""

    table: str
    row_id: str
    schema: int  # 16 bits: which form the record has
    generation: int  # 64 bits: how often this row has been written, from 1

    def encode(self) -> bytes:
        """The associated data. Raises `EncodingError` for a number that does not fit."""
        schema = self.schema.to_bytes(2, "big")
        return tag("row") + Writer().text(self.table).text(self.row_id).fixed(schema, 2).u64(self.generation).finish()


def seal_row(key: bytes, address: RowAddress, record: bytes, nonce: bytes) -> bytes:
    """Seal a record; 16 bytes longer. `key`: 32 bytes, `nonce`: 24 bytes never used before."""
    return crypto_aead_xchacha20poly1305_ietf_encrypt(record, address.encode(), nonce, key)


def open_row(key: bytes, address: RowAddress, sealed: bytes, nonce: bytes) -> bytes:
    """The record. Raises `VaultDamaged` for a row that was altered, moved, or put back from an older write."""
    try:
        return crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, address.encode(), nonce, key)
    except (CryptoError, EncodingError, OverflowError, TypeError, ValueError) as error:
        raise VaultDamaged(f"A row of {address.table} was damaged or altered.") from error
