"""A conversation in a one-shot command: its rows from the vault, in pieces, and how each is printed."""

from collections.abc import Iterator

from secure_chat.client.direct.events import ConversationFound, DirectMessage
from secure_chat.client.one_shot.account import ConnectedAccount
from secure_chat.client.one_shot.output import Output
from secure_chat.client.one_shot.records import direct_record
from secure_chat.client.one_shot.text_form import direct_line
from secure_chat.limits import MAX_HISTORY_CALL


def backwards(account: ConnectedAccount, peer: str, before: int | None = None) -> Iterator[DirectMessage]:
    """The rows of a conversation, the newest first."""
    while True:
        found = account.answer(account.client.conversation(peer, before, MAX_HISTORY_CALL), ConversationFound)
        yield from reversed(found.messages)
        if not found.earlier or not found.messages:
            return
        before = found.messages[0].row


def unread(account: ConnectedAccount, peer: str, count: int) -> list[DirectMessage]:
    """The rows from the oldest of `count` unread ones on, ascending, the own ones between them too."""
    rows: list[DirectMessage] = []
    for message in backwards(account, peer):
        if not count:
            break
        rows.append(message)
        count -= not message.own
    return rows[::-1]


def since_row(account: ConnectedAccount, peer: str, row: int) -> list[DirectMessage]:
    """The rows from that one on, ascending."""
    rows: list[DirectMessage] = []
    for message in backwards(account, peer):
        if message.row < row:
            break
        rows.append(message)
    return rows[::-1]


def since_time(account: ConnectedAccount, peer: str, earliest_ms: int) -> list[DirectMessage]:
    """The rows since a time, ascending."""
    rows: list[DirectMessage] = []
    for message in backwards(account, peer):
        if message.time < earliest_ms:
            break
        rows.append(message)
    return rows[::-1]


def print_row(output: Output, message: DirectMessage, own_name: str) -> None:
    """One row."""
    output.data(direct_record(message, own_name), direct_line(message, own_name))
