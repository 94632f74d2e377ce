"""People who were unknown here and begin to write: so many in a day, because a server can invent as many as it likes.

Each of them costs rows of the vault for good. Whoever is known, was written to or came by an own invite is none.
"""

import dataclasses
from collections.abc import Sequence

from secure_chat.client.direct.desk import Desk
from secure_chat.directory.device_list import SignedDeviceList
from secure_chat.errors import NewcomersWait
from secure_chat.limits import MAX_NEWCOMERS, NEWCOMERS_HOURS

_WINDOW_MS = NEWCOMERS_HOURS * 3_600_000


def admit(desk: Desk, user_id: bytes, lists: Sequence[bytes], now_ms: int) -> None:
    """Count a person who is about to be pinned because something of his has come. `lists`: what the server shows.

    Raises `NewcomersWait` when he is one too many, and `EncodingError` for what is no list.
    """
    if not lists or not _is_newcomer(desk, user_id, lists[0]):
        return
    ledger = desk.ledger
    if not 0 <= now_ms - ledger.newcomers_since < _WINDOW_MS:
        ledger = dataclasses.replace(ledger, newcomers_since=now_ms, newcomers=0)
    if ledger.newcomers >= MAX_NEWCOMERS:
        raise NewcomersWait
    desk.put_ledger(dataclasses.replace(ledger, newcomers=ledger.newcomers + 1))


def _is_newcomer(desk: Desk, user_id: bytes, signed: bytes) -> bool:
    if desk.peer(user_id) is not None:
        return False
    contact = desk.contact(SignedDeviceList.parse(signed).device_list.name)
    return contact is None or contact.user_id != user_id
