"""What secure-chat-admin can tell: one type for each kind of line, every text in it made safe to show."""

from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

import msgspec

from secure_chat.encoding import encode_base64url
from secure_chat.protocol import administration as a
from secure_chat.sanitize import one_line
from secure_chat_tools.screen import Fact

MS_PER_SECOND: Final = 1000


class UserFact(Fact, frozen=True, tag="user", kw_only=True):
    """An account."""

    name: str
    role: str
    state: str  # "enabled", "disabled" or "deleted"
    online: bool
    created: datetime
    last_login: datetime | None  # None: never

    @classmethod
    def of(cls, facts: a.AccountFacts) -> "UserFact":
        """From the server's answer."""
        return cls(
            name=one_line(facts.name),
            role=one_line(facts.role),
            state=one_line(facts.state),
            online=facts.online,
            created=moment(facts.created),
            last_login=moment_or_never(facts.last_login),
        )


class DeviceRow(msgspec.Struct, frozen=True):
    """A device of an account, within `user show`."""

    device_id: str  # as the log writes it
    online: bool
    may_resume: bool  # without the passphrase
    added: datetime  # by the device's own clock
    last_seen: datetime | None  # None: never


class UserDetailsFact(Fact, frozen=True, tag="user_details", kw_only=True):
    """All that the server knows of one account but its texts and hashes."""

    user: UserFact
    user_id: str  # hexadecimal, 16 bytes
    identity_key: str  # base64url of 32 bytes
    device_list_version: int
    devices: tuple[DeviceRow, ...]
    rooms: tuple[str, ...]

    @classmethod
    def of(cls, details: a.AccountDetails) -> "UserDetailsFact":
        """From the server's answer."""
        return cls(
            user=UserFact.of(details.facts),
            user_id=details.user_id.hex(),
            identity_key=encode_base64url(details.identity_key),
            device_list_version=details.device_list_version,
            devices=tuple(
                DeviceRow(
                    device_id=device(row.device_id),
                    online=row.online,
                    may_resume=row.may_resume,
                    added=moment(row.added),
                    last_seen=moment_or_never(row.last_seen),
                )
                for row in details.devices
            ),
            rooms=tuple(map(one_line, details.rooms)),
        )


class LinkFact(Fact, frozen=True, tag="link", kw_only=True):
    """A link that was made now; its token is shown this once and kept nowhere."""

    invite: int  # its number in the list
    purpose: Literal["join", "reset"]
    name: str  # the one it is bound to, or empty
    expires: datetime
    link: str
    command: str  # as it can be pasted

    def __repr__(self) -> str:
        """Without the link."""
        return f"LinkFact(invite={self.invite})"


class InviteFact(Fact, frozen=True, tag="invite", kw_only=True):
    """An invite or a reset link, as the server knows it: without its token."""

    invite: int
    purpose: str
    state: str  # "open", "used", "expired" or "revoked"
    name: str
    role: str
    rooms: tuple[str, ...]
    made_by: str
    created: datetime
    expires: datetime
    used_by: str

    @classmethod
    def of(cls, row: a.InviteRow) -> "InviteFact":
        """From the server's answer."""
        return cls(
            invite=row.invite,
            purpose=one_line(row.purpose),
            state=one_line(row.state),
            name=one_line(row.name),
            role=one_line(row.role),
            rooms=tuple(map(one_line, row.rooms)),
            made_by=one_line(row.made_by),
            created=moment(row.created),
            expires=moment(row.expires),
            used_by=one_line(row.used_by),
        )


class SessionFact(Fact, frozen=True, tag="session", kw_only=True):
    """A device that is connected or may come back without the passphrase."""

    name: str
    device_id: str  # as the log writes it
    online: bool
    created: datetime
    last_seen: datetime

    @classmethod
    def of(cls, facts: a.SessionFacts) -> "SessionFact":
        """From the server's answer."""
        return cls(
            name=one_line(facts.name),
            device_id=device(facts.device_id),
            online=facts.online,
            created=moment(facts.created),
            last_seen=moment(facts.last_seen),
        )


class DoneFact(Fact, frozen=True, tag="done", kw_only=True):
    """Something was done; `changed` is false where it was so before."""

    what: Literal["enabled", "disabled", "deleted", "logged_out", "revoked"]
    name: str = ""
    invite: int = 0
    changed: bool = True


AnyFact: TypeAlias = UserFact | UserDetailsFact | LinkFact | InviteFact | SessionFact | DoneFact


def device(number: int) -> str:
    """A device's number, hexadecimal: the same in the log, in a table and as JSON."""
    return f"{number:08x}"


def moment(ms: int) -> datetime:
    """A time of the server, milliseconds since 1970 UTC."""
    return datetime.fromtimestamp(ms / MS_PER_SECOND, UTC)


def moment_or_never(ms: int) -> datetime | None:
    """The same; 0 stands for never."""
    return moment(ms) if ms else None
