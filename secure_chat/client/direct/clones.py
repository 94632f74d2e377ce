"""A vault that was restored or is used in two places: noted with the counter at login, answered by starting anew.

PROTOCOL.md 11.2 and 28. A server that lies about the counter can cause this: after once in a day a person decides.
"""

import dataclasses
from dataclasses import dataclass
from typing import Final

from secure_chat.client.vault.tables import SELF, Table
from secure_chat.client.vault.transaction import Transaction
from secure_chat.errors import ChatError, StoreCloned, StoreClonedAgain
from secure_chat.limits import START_ANEW_MS


@dataclass(frozen=True, slots=True)
class CloneNote:
    """What is known of copies of this vault; one row."""

    pending: bool = False  # sessions and prekeys are still those of before
    started_anew_at: int | None = None  # milliseconds since 1970 UTC


CLONE_NOTES: Final = Table("clone_note", CloneNote)


def note_copy(transaction: Transaction, now_ms: int) -> ChatError:
    """Write down that the server has counted further than this vault, in the transaction that raises the counter.

    The error is what the person must be told: that all is started anew, or that this is for the person to decide.
    """
    note = transaction.get(CLONE_NOTES, SELF) or CloneNote()
    if note.started_anew_at is not None and note.started_anew_at <= now_ms < note.started_anew_at + START_ANEW_MS:
        return StoreClonedAgain()
    transaction.put(CLONE_NOTES, SELF, dataclasses.replace(note, pending=True))
    return StoreCloned()


def must_start_anew(transaction: Transaction) -> bool:
    """Whether sessions and prekeys must be dropped before anything else is done with them."""
    note = transaction.get(CLONE_NOTES, SELF)
    return note is not None and note.pending


def started_anew(transaction: Transaction, now_ms: int) -> None:
    """They were dropped because of a copy, in this transaction."""
    transaction.put(CLONE_NOTES, SELF, CloneNote(pending=False, started_anew_at=now_ms))


def started_anew_by_hand(transaction: Transaction) -> None:
    """They were dropped because the person wants it, in this transaction; that is not counted."""
    note = transaction.get(CLONE_NOTES, SELF)
    if note is not None:
        transaction.put(CLONE_NOTES, SELF, dataclasses.replace(note, pending=False))
