"""What a command will do to a person: told before it is done, in words of the person's day."""

from collections.abc import Sequence

from secure_chat_tools.admin.facts import UserDetailsFact


def plan(command: str, details: UserDetailsFact) -> Sequence[str]:
    """Sentences for the operator about `user disable`, `delete`, `reset` or `logout` of this account."""
    name = details.user.name
    return [_who(details), *_LINES[command](details, name)]


def _who(details: UserDetailsFact) -> str:
    user = details.user
    state = "" if user.state == "enabled" else f", {user.state}"
    online = "online now" if user.online else "not online"
    return f"{user.name}: {user.role}{state}, {online}, {_count(len(details.devices), 'device')}."


def _disable(details: UserDetailsFact, name: str) -> Sequence[str]:
    return [
        "- Every connection ends at once, and nothing more is received.",
        "- A login is refused with the words that a wrong passphrase gets: nobody outside can tell the difference.",
        f"- {name} stays a member of {_rooms(details)}; messages, name and keys stay as they are.",
        f"Way back: secure-chat-admin user enable {name}; then {name} logs in with the passphrase.",
    ]


def _delete(details: UserDetailsFact, name: str) -> Sequence[str]:
    return [
        "- Every connection ends at once, for good.",
        f"- {name} leaves {_rooms(details)}, and the others there see it. What {name} wrote in rooms stays.",
        f"- The name {name} is never given to anybody again.",
        "There is no way back.",
    ]


def _reset(details: UserDetailsFact, name: str) -> Sequence[str]:
    lines = [
        "- Every connection ends at once, and older reset links with it.",
        f"- The passphrase ends at once: until the link is used nobody gets in as {name}, {name} included.",
        f"- Whoever holds the new link chooses a new passphrase and is {name} from then on: name, rooms and role stay.",
        f"- Unless {name} has the recovery key, everybody who writes with {name} is told that the key has changed.",
    ]
    if details.user.state == "disabled":
        lines.append(f"- {name} is disabled, and the link works only after: secure-chat-admin user enable {name}")
    return lines


def _log_out(details: UserDetailsFact, name: str) -> Sequence[str]:
    waiting = sum(device.may_resume for device in details.devices)
    ends = (
        f"- Every connection ends at once; {_count(waiting, 'device')} cannot come back without the passphrase."
        if waiting
        else "- No device is logged in."
    )
    return [
        ends,
        f"- Nothing else changes: {name} logs in again and has every room and message.",
    ]


_LINES = {"user disable": _disable, "user delete": _delete, "user reset": _reset, "user logout": _log_out}


def _rooms(details: UserDetailsFact) -> str:
    if not details.rooms:
        return "no room"
    names = ", ".join(f"#{room}" for room in details.rooms[:_SHOWN])
    more = len(details.rooms) - _SHOWN
    return f"{_count(len(details.rooms), 'room')} ({names}{f' and {more} more' if more > 0 else ''})"


_SHOWN = 8  # names of rooms in a sentence


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
