"""What the store keeps in memory to decide by: rooms with their members, accounts with their rights.

It is what the disk holds, no more: changed only after a COMMIT, by `Draft`'s outcome (`draft`).
"""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from secure_chat.protocol.states import Role
from secure_chat.storage.database import Database
from secure_chat.storage.queries import load

LOBBY: Final = "lobby"
"""The room that every account is made a member of."""


class Account(msgspec.Struct, frozen=True, gc=False):
    """An account as far as decisions need it."""

    number: int
    user_id: bytes
    name: str
    role: Role
    state: str  # "enabled", "disabled" or "deleted"

    @property
    def enabled(self) -> bool:
        """Whether it may do anything."""
        return self.state == "enabled"

    @property
    def deleted(self) -> bool:
        """Whether nothing is left of it but its name, which nobody gets again."""
        return self.state == "deleted"


@dataclass(slots=True)
class Room:
    """A room: its newest event, its topic, and who is in it since which number."""

    number: int
    name: str
    topic: str
    head: int
    first: int
    members: dict[int, int] = field(default_factory=dict)  # account: number of its joining event


@dataclass(slots=True)
class State:
    """All rooms and accounts of the server."""

    rooms: dict[str, Room] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    account_numbers: dict[str, int] = field(default_factory=dict)  # by name
    user_numbers: dict[bytes, int] = field(default_factory=dict)  # accounts by user id
    listed: dict[int, tuple[int, ...]] = field(default_factory=dict)  # devices of the newest list, by account
    rooms_of: dict[int, set[str]] = field(default_factory=dict)  # names, by account
    newest_log_row: int = 0
    newest_room: int = 0

    @classmethod
    def load(cls, database: Database) -> "State":
        """Read it from the disk."""
        state = cls()
        for number, user_id, name, role, account_state in database.all(load.ACCOUNTS):
            state.put_account(Account(number, user_id, name, Role(role), account_state))
        for account, device in database.all(load.LISTED_DEVICES):
            state.listed[account] = (*state.listed.get(account, ()), device)
        by_number: dict[int, Room] = {}
        for number, name, topic, head, first in database.all(load.ROOMS):
            by_number[number] = state.rooms[name] = Room(number, name, topic, head, first)
            state.newest_room = max(state.newest_room, number)
        for account, number, joined in database.all(load.MEMBERSHIPS):
            room = by_number[number]
            room.members[account] = joined
            state.rooms_of.setdefault(account, set()).add(room.name)
        newest = database.one(load.NEWEST_LOG_ROW)
        state.newest_log_row = newest[0] if newest else 0
        return state

    def put_account(self, account: Account) -> None:
        """Take over a new or changed account."""
        self.accounts[account.number] = account
        self.account_numbers[account.name] = account.number
        self.user_numbers[account.user_id] = account.number
