"""One transaction of the vault: typed rows read and written, all of them kept or none."""

import hmac
from collections.abc import Callable
from typing import Final

from secure_chat import limits
from secure_chat.client.vault.database import Database
from secure_chat.client.vault.rows import NONCE_BYTES, RowAddress, open_row, seal_row
from secure_chat.client.vault.tables import Record, Table
from secure_chat.encoding import Writer, tag
from secure_chat.errors import VaultDamaged

_GET: Final = "SELECT row_id, schema, generation, nonce, sealed FROM rows WHERE table_name = ? AND row_id = ?"
_ASCENDING: Final = (
    "SELECT row_id, schema, generation, nonce, sealed FROM rows"
    " WHERE table_name = ? AND row_id > ? AND row_id < ? ORDER BY row_id LIMIT ?"
)
_DESCENDING: Final = (
    "SELECT row_id, schema, generation, nonce, sealed FROM rows"
    " WHERE table_name = ? AND row_id > ? AND row_id < ? ORDER BY row_id DESC LIMIT ?"
)
_GENERATION: Final = "SELECT generation FROM rows WHERE table_name = ? AND row_id = ?"
_PUT: Final = (
    "INSERT INTO rows (table_name, row_id, schema, generation, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (table_name, row_id) DO UPDATE SET schema = excluded.schema, generation = excluded.generation,"
    " nonce = excluded.nonce, sealed = excluded.sealed"
)
_INSERT: Final = "INSERT INTO rows (table_name, row_id, schema, generation, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?)"
_IDS: Final = "SELECT row_id FROM rows WHERE table_name = ? ORDER BY row_id"
_DELETE: Final = "DELETE FROM rows WHERE table_name = ? AND row_id = ?"
_ALL: Final = -1  # SQLite: no limit
_BEHIND_ALL: Final = chr(0x10FFFF)  # no row id has this character


def end_of(beginning: str) -> str:
    """What every row id that begins so stands before."""
    return beginning + _BEHIND_ALL


class Transaction:
    """Reads and writes between BEGIN and COMMIT; refuses to work once its block has ended."""

    def __init__(self, database: Database, key: bytes, random: Callable[[int], bytes]) -> None:
        self._database = database
        self._key = key
        self._random = random
        self._ended = False

    def get(self, table: Table[Record], row_id: str) -> Record | None:
        """The record, or None. Raises `VaultDamaged` for a row that was altered or moved."""
        found = self._execute(_GET, (table.name, row_id))
        return self._open(table, found[0])[1] if found else None

    def scan(
        self,
        table: Table[Record],
        *,
        after: str = "",
        before: str = _BEHIND_ALL,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[tuple[str, Record]]:
        """Row ids between `after` and `before` and their records, in the order of the ids, or with the highest first.

        What begins alike is read with `after` that beginning and `before` its `end_of`.
        """
        statement = _DESCENDING if newest_first else _ASCENDING
        found = self._execute(statement, (table.name, after, before, _ALL if limit is None else limit))
        return [self._open(table, row) for row in found]

    def put(self, table: Table[Record], row_id: str, record: Record) -> None:
        """Write a record, in place of the one there if any."""
        self._write(_PUT, table, row_id, record, self._generation(table.name, row_id) + 1)

    def insert(self, table: Table[Record], row_id: str, record: Record) -> None:
        """Write a record that is new for certain, which costs half of `put`. A row that is there is a mistake."""
        self._write(_INSERT, table, row_id, record, 1)

    def row_ids(self, table: Table[Record]) -> list[str]:
        """All row ids of a table, in their order; nothing is opened."""
        return [row_id for (row_id,) in self._execute(_IDS, (table.name,)) if isinstance(row_id, str)]

    def delete(self, table: Table[Record], row_id: str) -> None:
        """Overwrite and remove a row; one that is not there is no error."""
        self._execute(_DELETE, (table.name, row_id))

    def hidden_id(self, table: Table[Record], name: str) -> str:
        """A row id that tells nobody without the key for which `name` the row is: ids stand in the file as they are.

        The first 16 bytes of HMAC-SHA-256(master key, T("row-id") || enc(table str, name str)) in hexadecimal.
        """
        content = tag("row-id") + Writer().text(table.name).text(name).finish()
        return hmac.digest(self._key, content, "sha256")[:16].hex()

    def end(self) -> None:
        """Refuse everything from now on."""
        self._ended = True

    def _write(self, statement: str, table: Table[Record], row_id: str, record: Record, generation: int) -> None:
        if not 0 < len(row_id) <= limits.MAX_VAULT_ROW_ID_CHARACTERS:
            raise ValueError("a row's id has 1 to 200 characters")
        address = RowAddress(table.name, row_id, table.schema, generation)
        nonce = self._random(NONCE_BYTES)
        sealed = seal_row(self._key, address, table.encode(record), nonce)
        self._execute(statement, (table.name, row_id, address.schema, address.generation, nonce, sealed))

    def _generation(self, table: str, row_id: str) -> int:
        found = self._execute(_GENERATION, (table, row_id))
        return _integer(found[0][0]) if found else 0

    def _open(self, table: Table[Record], row: tuple[object, ...]) -> tuple[str, Record]:
        row_id, schema, generation, nonce, sealed = row
        if not (isinstance(row_id, str) and isinstance(nonce, bytes) and isinstance(sealed, bytes)):
            raise VaultDamaged
        address = RowAddress(table.name, row_id, _integer(schema), _integer(generation))
        return row_id, table.decode(open_row(self._key, address, sealed, nonce), address.schema)

    def _execute(self, statement: str, parameters: tuple[object, ...]) -> list[tuple[object, ...]]:
        if self._ended:
            raise RuntimeError("this transaction has ended")
        return self._database.execute(statement, parameters)


def _integer(value: object) -> int:
    # SQLite keeps any type in any column of an altered file.
    if not isinstance(value, int) or value < 0:
        raise VaultDamaged
    return value
