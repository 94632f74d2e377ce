"""What the reader thread may be asked: the kinds of requests, made by handlers on the I/O threads."""

from typing import TypeAlias

from secure_chat.server.items import ReadRequest


class ReadHistory(ReadRequest, frozen=True, gc=False):
    """Events `first` to `last` of a room; `last` does not pass what was announced to the asking thread."""

    account: int
    room: str
    first: int
    last: int


class SearchRooms(ReadRequest, frozen=True, gc=False):
    """Messages with these words in the rooms of an account."""

    account: int
    words: str
    room: str
    sender: str
    since: int
    before: int

    def __repr__(self) -> str:
        """Without the words."""
        return f"SearchRooms(id={self.id}, account={self.account})"


class ListRooms(ReadRequest, frozen=True, gc=False):
    """A page of all rooms."""

    account: int
    after: str
    pattern: str


class ListMembers(ReadRequest, frozen=True, gc=False):
    """A page of a room's members."""

    account: int
    room: str
    after: str


AnyReadRequest: TypeAlias = ReadHistory | SearchRooms | ListRooms | ListMembers
