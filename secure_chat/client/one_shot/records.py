"""What one-shot commands print with --json: one object a line, each with its type and the number of this schema.

Within a schema fields are only added. Times are milliseconds since 1970 UTC.
"""

from typing import Final

import msgspec

from secure_chat.protocol.events import Joined, Kicked, Left, Message, RoomEvent, TopicSet
from secure_chat.sanitize import one_line, sanitize

SCHEMA: Final = 1


class Record(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """One object."""

    schema: int = SCHEMA


class ErrorRecord(Record, tag="error", frozen=True, kw_only=True):
    """The command failed; `code` is the only promise."""

    code: str
    sentence: str
    next_step: str
    retry_after: float | None


class JoinedServerRecord(Record, tag="joined_server", frozen=True, kw_only=True):
    """`join` or `login --recovery` succeeded. `recovery_key` is empty when it was not made anew."""

    profile: str
    name: str
    server: str
    rooms: list[str]
    recovery_key: str
    recovery_link: str

    def __repr__(self) -> str:
        """Without the recovery key."""
        return f"JoinedServerRecord(profile={self.profile!r})"


class LoggedInRecord(Record, tag="logged_in", frozen=True, kw_only=True):
    """`login` succeeded."""

    profile: str
    name: str
    server: str
    rooms: list[str]


class InviteRecord(Record, tag="invite", frozen=True, kw_only=True):
    """`invite`: a link that works once, until `expires`."""

    link: str
    expires: int

    def __repr__(self) -> str:
        """Without the link, whose holder can join."""
        return f"InviteRecord(expires={self.expires})"


class DoneRecord(Record, tag="done", frozen=True, kw_only=True):
    """The command did what it says: `logout`, `passwd`."""

    command: str
    profile: str


class AcceptedRecord(Record, tag="accepted", frozen=True, kw_only=True):
    """A message is on the server's disk. `changed`: the text as kept, where it is another one."""

    room: str
    number: int
    time: int
    changed: str | None


class RefusedRecord(Record, tag="refused", frozen=True, kw_only=True):
    """A message was not taken."""

    room: str
    code: str
    sentence: str


class MessageRecord(Record, tag="message", frozen=True, kw_only=True):
    """Somebody said something."""

    room: str
    number: int
    time: int
    sender: str
    text: str
    action: bool


class TopicRecord(Record, tag="topic", frozen=True, kw_only=True):
    """A room's topic was changed."""

    room: str
    number: int
    time: int
    sender: str
    text: str


class MembershipRecord(Record, tag="membership", frozen=True, kw_only=True):
    """`change`: joined, left or kicked; `by` and `reason` for the last."""

    room: str
    number: int
    time: int
    name: str
    change: str
    by: str = ""
    reason: str = ""


class MissingRecord(Record, tag="not_kept", frozen=True, kw_only=True):
    """Numbers of a room that the server does not keep any more."""

    room: str
    first: int
    last: int


class RoomRecord(Record, tag="room", frozen=True, kw_only=True):
    """A row of `rooms`."""

    room: str
    topic: str
    members: int
    joined: bool


class PersonRecord(Record, tag="person", frozen=True, kw_only=True):
    """A row of `users`."""

    name: str
    role: str
    online: bool


class StatusRecord(Record, tag="status", frozen=True, kw_only=True):
    """How a profile and its server are."""

    profile: str
    server: str
    name: str
    role: str
    tls: str
    authority_pin: str
    log_pin: str
    round_trip: float
    rooms: list[str]


class SettingRecord(Record, tag="setting", frozen=True, kw_only=True):
    """One setting in force."""

    name: str
    value: str
    origin: str


def record_of(event: RoomEvent) -> Record:
    """A numbered event of a room; its texts are made safe to show."""
    room = one_line(event.room)
    match event:
        case Message():
            return MessageRecord(
                room=room,
                number=event.number,
                time=event.time,
                sender=one_line(event.sender),
                text=sanitize(event.text),
                action=event.action,
            )
        case TopicSet():
            return TopicRecord(
                room=room,
                number=event.number,
                time=event.time,
                sender=one_line(event.sender),
                text=one_line(event.text),
            )
        case Kicked():
            return MembershipRecord(
                room=room,
                number=event.number,
                time=event.time,
                name=one_line(event.name),
                change="kicked",
                by=one_line(event.by),
                reason=one_line(event.reason),
            )
        case Joined() | Left():
            return MembershipRecord(
                room=room,
                number=event.number,
                time=event.time,
                name=one_line(event.name),
                change="joined" if isinstance(event, Joined) else "left",
            )
