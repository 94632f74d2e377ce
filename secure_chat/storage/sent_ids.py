"""What was sent under which client id, so that a repeat gets the first answer and writes nothing.

A client id is 8 bytes of a random run and 8 of a counter that rises within it. The highest id of each run is kept in
memory: what lies above it is new without a look into the table. It may stand too high (after a transaction that
failed), which costs a look; it never stands too low.
"""

from typing import Final

import msgspec

from secure_chat.limits import MAX_REMEMBERED_RUNS
from secure_chat.storage.database import Database
from secure_chat.storage.queries import rooms as queries

RUN_BYTES: Final = 8
CLIENT_ID_BYTES: Final = 16
DIGEST_BYTES: Final = 16

_LAST_OF_RUN: Final = b"\xff" * (CLIENT_ID_BYTES - RUN_BYTES)


class SentId(msgspec.Struct, frozen=True, gc=False):
    """What became of something sent, and a digest of what it was."""

    digest: bytes  # 16
    room: str
    number: int
    time: int


class SentIds:
    """The table of sent ids, with the highest of each run in front of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._highest: dict[tuple[int, int, bytes], bytes] = {}

    def is_new(self, account: int, device: int, client_id: bytes) -> bool:
        """True when nothing has this id, and then it is taken; False when the batch or the table may have it."""
        run = (account, device, client_id[:RUN_BYTES])
        highest = self._highest.get(run)
        if highest is None:
            highest = self._highest_in_table(run)
        if client_id > highest:
            self._highest[run] = client_id
            return True
        self._highest[run] = highest
        return False

    def find(self, account: int, device: int, client_id: bytes) -> SentId | None:
        """Look into the table."""
        row = self._database.one(queries.FIND_SENT, account=account, device_id=device, client_id=client_id)
        return SentId(*row) if row else None

    def trim(self) -> None:
        """Forget all runs if there are too many. Never within a transaction, whose own rows the table does not show."""
        if len(self._highest) > MAX_REMEMBERED_RUNS:
            self._highest.clear()

    def _highest_in_table(self, run: tuple[int, int, bytes]) -> bytes:
        account, device, prefix = run
        row = self._database.one(
            queries.HIGHEST_OF_RUN,
            account=account,
            device_id=device,
            lowest=prefix,
            highest=prefix + _LAST_OF_RUN,
        )
        return row[0] if row and row[0] is not None else b""
