"""Conversations as they are kept in the vault: rows added, pages of them, words found, how far they are read."""

import dataclasses
import heapq
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from secure_chat.client.direct.contacts import held_messages, trust_now
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import ContactRow, DirectMessage, MessageKind, Trust
from secure_chat.client.direct.records import Contact, StoredMessage
from secure_chat.limits import MAX_CHARACTERS_SEARCHED, MAX_DIRECTS_FOUND, MAX_DIRECTS_SEARCHED, MAX_HISTORY_CALL

_ROWS_AT_ONCE: Final = 64  # of a search, read of one conversation
_WORD: Final = re.compile(r"\w+")


def add_row(desk: Desk, name: str, message: StoredMessage) -> DirectMessage:
    """Put a row at the end of a conversation."""
    row = desk.ledger.rows + 1
    desk.put_ledger(dataclasses.replace(desk.ledger, rows=row))
    desk.put_message(name, row, message)
    conversation = desk.conversation(name)
    unread = conversation.unread + (0 if message.own else 1)
    desk.put_conversation(dataclasses.replace(conversation, unread=unread, last_time=message.time))
    return shown(desk.contact(name), name, row, message)


def shown(contact: Contact | None, name: str, row: int, message: StoredMessage) -> DirectMessage:
    """A row as a screen is told of it: one that was quarantined as its key stands by now."""
    return DirectMessage(
        peer=name,
        row=row,
        own=message.own,
        kind=message.kind,
        text=message.text,
        time=message.time,
        sent_at=message.sent_at,
        trust=message.trust if contact is None else trust_now(contact, message.trust, message.key),
        reason=message.reason,
        doubtful_time=message.doubtful_time,
    )


def page(desk: Desk, name: str, before: int | None, count: int) -> tuple[tuple[DirectMessage, ...], bool]:
    """At most `count` rows before row `before`, ascending; and whether there are older ones."""
    wanted = min(max(count, 0), MAX_HISTORY_CALL)
    found = desk.messages(name, before=before, limit=wanted + 1)
    contact = desk.contact(name)
    rows = tuple(shown(contact, name, row, message) for row, message in reversed(found[:wanted]))
    return rows, len(found) > wanted


def mark_read(desk: Desk, name: str, row: int) -> None:
    """The person has seen the conversation up to this row."""
    conversation = desk.conversation(name)
    if row <= conversation.read_row:
        return
    unread = sum(not message.own for _, message in desk.messages(name, after=row))
    desk.put_conversation(dataclasses.replace(conversation, read_row=row, unread=unread))


def summary(desk: Desk, contact: Contact) -> ContactRow:
    """One contact as a list shows it."""
    conversation = desk.conversation(contact.name)
    waiting = held_messages(desk, contact.name)
    held = waiting if contact.state is Trust.CHANGED else 0
    return ContactRow(contact.name, contact.state, held, conversation.unread, conversation.last_time, waiting)


def search(desk: Desk, words: str, names: list[str], since: int, before: int) -> tuple[tuple[DirectMessage, ...], int]:
    """Texts of these conversations with all the words, the newest first; and where to go on, 0: at the end.

    `since`: milliseconds since 1970 UTC; `before`: a row, 0: from the newest. Stops after a bounded number of rows
    and characters looked at, found or not, because the network thread does it.
    """
    wanted = words_of(words)
    if not wanted:
        return (), 0
    found: list[DirectMessage] = []
    characters = 0
    for looked, (row, name, message) in enumerate(_newest_first(desk, names, before or None)):
        if len(found) == MAX_DIRECTS_FOUND or looked == MAX_DIRECTS_SEARCHED or characters > MAX_CHARACTERS_SEARCHED:
            return tuple(found), row + 1
        characters += len(message.text)
        if message.kind is MessageKind.TEXT and message.time >= since and wanted <= words_of(message.text):
            found.append(shown(desk.contact(name), name, row, message))
    return tuple(found), 0


def words_of(text: str) -> set[str]:
    """The words of a text as they are compared: without case and without accents."""
    plain = unicodedata.normalize("NFD", text.casefold())
    return set(_WORD.findall("".join(character for character in plain if not unicodedata.combining(character))))


def _newest_first(desk: Desk, names: list[str], before: int | None) -> Iterator[tuple[int, str, StoredMessage]]:
    return heapq.merge(*(_rows_of(desk, name, before) for name in names), key=lambda each: -each[0])


def _rows_of(desk: Desk, name: str, before: int | None) -> Iterator[tuple[int, str, StoredMessage]]:
    while found := desk.messages(name, before=before, limit=_ROWS_AT_ONCE):
        for row, message in found:
            yield row, name, message
        before = found[-1][0]
