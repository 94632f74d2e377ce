"""What one-shot commands print with --json: one object a line, each with its type and the number of this schema.

Within a schema fields are only added. Times are milliseconds since 1970 UTC.
"""

from typing import Final

import msgspec

from secure_chat.client.direct.events import DirectMessage
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


class SentRecord(Record, tag="sent", frozen=True, kw_only=True):
    """A direct message is on the server's disk, encrypted. `row`: its place in the own vault, as `read` has it."""

    peer: str
    row: int
    time: int


class RefusedRecord(Record, tag="refused", frozen=True, kw_only=True):
    """A message was not taken, by a room or (then `room` is empty) by a person.

    `kept`: it waits in the vault. `doubtful`: it may be in the room, the answer did not come.
    """

    room: str
    code: str
    sentence: str
    peer: str = ""
    kept: bool = False
    doubtful: bool = False


class MessageRecord(Record, tag="message", frozen=True, kw_only=True):
    """Somebody said something."""

    room: str
    number: int
    time: int
    sender: str
    text: str
    action: bool
    own: bool = False  # said by this account


class DirectRecord(Record, tag="direct", frozen=True, kw_only=True):
    """A row of a conversation.

    `kind`: text, unknown (needs a newer version) or unreadable (then `reason` says why). `trust`: verified, unverified,
    changed or quarantined, of the key when it came. `doubtful_time`: `sent_at`, by the sender's clock, is far from
    `time`, by the server's.
    """

    peer: str
    row: int
    time: int
    sent_at: int
    sender: str
    own: bool
    kind: str
    text: str
    trust: str
    reason: str
    doubtful_time: bool


class ContactRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose key is known, within `status`."""

    name: str
    state: str
    unread: int
    held: int


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
    contacts: list[ContactRecord] = []


class DemoRecord(Record, tag="demo", frozen=True, kw_only=True):
    """One line of `demo`."""

    text: str


class SettingRecord(Record, tag="setting", frozen=True, kw_only=True):
    """One setting in force."""

    name: str
    value: str
    origin: str


def direct_record(message: DirectMessage, own_name: str) -> DirectRecord:
    """A row of a conversation; its texts are made safe to show."""
    return DirectRecord(
        peer=one_line(message.peer),
        row=message.row,
        time=message.time,
        sent_at=message.sent_at,
        sender=one_line(own_name if message.own else message.peer),
        own=message.own,
        kind=message.kind.value,
        text=sanitize(message.text),
        trust=message.trust.value,
        reason=one_line(message.reason),
        doubtful_time=message.doubtful_time,
    )


def record_of(event: RoomEvent, own_name: str = "") -> Record:
    """A numbered event of a room; its texts are made safe to show. `own_name`: of this account."""
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
                own=event.sender == own_name,
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
