"""Where the person was: input history, drafts and the unread divider of each room, kept from one start to the next.

Lines that wait to be sent are not kept: they live as long as the program that told the person so. Each function is
one durable transaction; call them when a line is done, a room is left or the program ends, not for every key.
"""

from typing import Final

from secure_chat import limits
from secure_chat.client.vault.records import DRAFTS, INPUT_HISTORY, READ_MARKERS, Draft, InputLine, ReadMarker
from secure_chat.client.vault.vault import Vault

_ROW_ID_DIGITS: Final = 16  # so that the order of the texts is the order of the numbers


def input_history(vault: Vault) -> list[str]:
    """The lines typed, the newest last."""
    return [line.text for _, line in vault.scan(INPUT_HISTORY)]


def add_input_line(vault: Vault, text: str) -> None:
    """Keep a line for the next start; the oldest of more than 1,000 goes. A line too long, or no text, is not kept."""
    if not text or not _can_be_kept(text):
        return
    with vault.transaction() as transaction:
        newest = transaction.scan(INPUT_HISTORY, limit=1, newest_first=True)
        number = int(newest[0][0]) + 1 if newest else 1
        transaction.put(INPUT_HISTORY, f"{number:0{_ROW_ID_DIGITS}}", InputLine(text))
        if number > limits.MAX_INPUT_HISTORY_LINES:
            transaction.delete(INPUT_HISTORY, f"{number - limits.MAX_INPUT_HISTORY_LINES:0{_ROW_ID_DIGITS}}")


def drafts(vault: Vault) -> dict[str, str]:
    """Room to what was typed there and not sent."""
    return {draft.room: draft.text for _, draft in vault.scan(DRAFTS)}


def keep_draft(vault: Vault, room: str, text: str) -> None:
    """Keep what was typed in a room; an empty text removes it. A text too long, or none, is not kept."""
    with vault.transaction() as transaction:
        row_id = transaction.hidden_id(DRAFTS, room)
        if not text:
            transaction.delete(DRAFTS, row_id)
        elif _can_be_kept(text):
            transaction.put(DRAFTS, row_id, Draft(room, text))


def read_markers(vault: Vault) -> dict[str, int]:
    """Room to the highest number seen there."""
    return {marker.room: marker.number for _, marker in vault.scan(READ_MARKERS)}


def keep_read_markers(vault: Vault, markers: dict[str, int]) -> None:
    """Keep the divider of several rooms at once."""
    with vault.transaction() as transaction:
        for room, number in markers.items():
            transaction.put(READ_MARKERS, transaction.hidden_id(READ_MARKERS, room), ReadMarker(room, number))


def _can_be_kept(text: str) -> bool:
    try:
        return len(text.encode("utf-8")) <= limits.MAX_INPUT_LINE_BYTES
    except UnicodeEncodeError:
        return False  # a byte that was no UTF-8 on standard input
