"""The secret that stands for a passphrase at one server: derived here, so that the passphrase never leaves.

PROTOCOL.md, "Login": Argon2id v1.3 over the prepared passphrase, salted with the server's identity and the name, by a
row of the closed table in protocol/authentication.py. It shares nothing with the keys of the vault.
"""

from nacl.pwhash import argon2id

from secure_chat.names import prepare_passphrase
from secure_chat.protocol.authentication import login_kdf, login_salt


def derive_login_secret(passphrase: str, server_id: bytes, name: str, *, row: int, lowest: int = 1) -> bytes:
    """32 secret bytes, the same on every device; 0.7 s and 256 MiB for row 1.

    `server_id`: 32 bytes, from the authority that the connection was verified under; `name`: PRECIS-mapped; `row`:
    what the server named; `lowest`: the row last used there. Raises `LoginDerivationRefused` for a lower or unknown
    row, before any work, and the errors of names.py for a passphrase that cannot be used.
    """
    kdf = login_kdf(row, lowest)
    prepared = prepare_passphrase(passphrase)
    salt = login_salt(server_id, name)
    return argon2id.kdf(kdf.output_bytes, prepared, salt, opslimit=kdf.operations, memlimit=kdf.memory_bytes)
