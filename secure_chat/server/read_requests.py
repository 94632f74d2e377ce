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


class ReadMail(ReadRequest, frozen=True, gc=False):
    """The next of a device's mail: numbered above `after`, so many and so many bytes at most. No request asks."""

    account: int
    device: int
    after: int
    rows: int
    bytes: int


class ReadDeviceLists(ReadRequest, frozen=True, gc=False):
    """Signed device lists of the account called `name`, or else of `user_id`, after version `after`."""

    account: int
    name: str
    user_id: bytes
    after: int


class CheckPrekeys(ReadRequest, frozen=True, gc=False):
    """Are these prekeys signed by the asking device? What is becomes an entry of the journal."""

    account: int
    device: int
    signed_prekey: bytes
    one_time: tuple[bytes, ...]
    replace: bool

    def __repr__(self) -> str:
        """Without the keys."""
        return f"CheckPrekeys(id={self.id}, account={self.account}, one_time={len(self.one_time)})"


class ReadOwnInvites(ReadRequest, frozen=True, gc=False):
    """An account's own invites that were used and not settled."""

    account: int


AnyReadRequest: TypeAlias = (
    ReadHistory | SearchRooms | ListRooms | ListMembers | ReadMail | ReadDeviceLists | CheckPrekeys | ReadOwnInvites
)
