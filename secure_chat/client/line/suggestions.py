"""What was probably meant by a name that there is not: said with the error, with the next step."""

from collections.abc import Iterable

from secure_chat.client.likeness import closest
from secure_chat.client.line.context import Context
from secure_chat.errors import ChatError, RoomUnknown, UserUnknown
from secure_chat.sanitize import one_line


def explained(context: Context, error: ChatError, *, person: str = "", room: str = "") -> ChatError:
    """The same error in words that help, where it says that somebody or some room is not there."""
    if isinstance(error, UserUnknown) and person:
        return _no_person(person, {*context.people, *context.places.peers})
    if isinstance(error, RoomUnknown) and room:
        return no_room(room, {*context.places.names, *context.known_rooms})
    return error


def _no_person(name: str, known: Iterable[str]) -> UserUnknown:
    meant = closest(name, known)
    question = f" Did you mean {one_line(meant)}?" if meant else ""
    return UserUnknown(f"There is no user {one_line(name)}.{question}", hint="/users lists who is online")


def no_room(room: str, known: Iterable[str], total: int | None = None) -> RoomUnknown:
    """The error for a room that there is not. `total`: how many there are, where that is known."""
    meant = closest(room, known)
    question = f" Did you mean #{one_line(meant)}?" if meant else ""
    there_are = "/rooms lists what there is" if total is None else f"/rooms lists {total}"
    return RoomUnknown(f"No room #{room}.{question}", hint=f"{there_are}, /join {room} --create makes it")
