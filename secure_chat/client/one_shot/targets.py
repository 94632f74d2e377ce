"""Where a one-shot command sends or reads: a room is written with #, a person without; what if it is not there."""

from dataclasses import dataclass
from typing import TypeAlias

from secure_chat.client.direct.events import SafetyNumber
from secure_chat.client.events import RoomsFound
from secure_chat.client.likeness import closest
from secure_chat.client.one_shot.account import ConnectedAccount
from secure_chat.errors import ChatError, NameInvalid, NotMember, RoomNameInvalid, RoomUnknown, UserUnknown
from secure_chat.names import room_name, user_name
from secure_chat.sanitize import one_line


@dataclass(frozen=True, slots=True)
class Room:
    """A room, by its name without #."""

    name: str

    def __str__(self) -> str:
        return f"#{self.name}"


@dataclass(frozen=True, slots=True)
class Someone:
    """A person, by name."""

    name: str

    def __str__(self) -> str:
        return self.name


Target: TypeAlias = Room | Someone


def target(text: str) -> Target:
    """What `-t` names. Raises `RoomNameInvalid`, `NameInvalid`."""
    if text.startswith("#"):
        return Room(room_name(text))
    try:
        return Someone(user_name(text.removeprefix("@")))
    except NameInvalid as error:
        raise _perhaps_a_room(text, error) from error


def _perhaps_a_room(text: str, error: NameInvalid) -> NameInvalid:
    """The same error, with the room of that name where there can be one."""
    try:
        room = room_name(text)
    except RoomNameInvalid:
        return error
    return NameInvalid(f"{error.sentence} Did you mean #{room}?", hint=f"a room is written with #: -t '#{room}'")


def room_or_person(text: str) -> Target:
    """What a bare word names where rooms are meant first: a person only with @."""
    return target(text) if text.startswith(("#", "@")) else Room(room_name(text))


def explained(account: ConnectedAccount, where: Target, error: ChatError) -> ChatError:
    """The same error in words that help, where it says that somebody or some room is not there."""
    if isinstance(error, UserUnknown) and isinstance(where, Someone):
        return no_person(account, where.name)
    if isinstance(error, NotMember | RoomUnknown) and isinstance(where, Room):
        return not_in_room(account, where.name)
    return error


def not_in_room(account: ConnectedAccount, room: str) -> ChatError:
    """Why a room cannot be read or written to: it is not there, or this account is not in it."""
    found = account.answer(account.client.list_rooms(room), RoomsFound)
    if any(each.room == room for each in found.rooms):
        return NotMember(f"You are not a member of #{room}.", hint=f"in secure-chat: /join {room}")
    if any(each.name == room for each in account.client.snapshot.contacts):
        return RoomUnknown(f"There is no room #{room}. Did you mean @{room}?", hint="secure-chat rooms")
    known = account.answer(account.client.list_rooms(), RoomsFound)
    meant = closest(room, [each.room for each in known.rooms])
    return RoomUnknown(
        f"There is no room #{room}.{f' Did you mean #{meant}?' if meant else ''}", hint="secure-chat rooms"
    )


def check_person(account: ConnectedAccount, name: str) -> None:
    """Check that there is somebody of that name, of whom nothing may have been heard. Raises `UserUnknown`."""
    if any(contact.name == name for contact in account.client.snapshot.contacts):
        return
    try:
        account.answer(account.client.compare(name), SafetyNumber)  # the first contact, as a message would be
    except UserUnknown as error:
        raise no_person(account, name) from error


def no_person(account: ConnectedAccount, name: str) -> UserUnknown:
    """There is nobody of that name, but perhaps a room or somebody known of nearly that name."""
    snapshot = account.client.snapshot
    people, rooms = [each.name for each in snapshot.contacts], [each.room for each in snapshot.rooms]
    meant = f"#{name}" if name in rooms else closest(name, people)
    question = f" Did you mean {one_line(meant)}?" if meant else ""
    return UserUnknown(f"There is no user {name}.{question}", hint="secure-chat users")
