"""The lines in which secure-chat-admin tells people what it found and did: tables, pages, links."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from secure_chat.sanitize import cells
from secure_chat_tools.admin.facts import (
    AnyFact,
    DoneFact,
    InviteFact,
    LinkFact,
    SessionFact,
    UserDetailsFact,
    UserFact,
)
from secure_chat_tools.screen import Screen

_BETWEEN_COLUMNS: Final = "  "
_HEADINGS: Final = {
    "user list": ("NAME", "ROLE", "STATE", "ONLINE", "SINCE", "LAST LOGIN"),
    "invite list": ("INVITE", "STATE", "FOR", "NAME", "ROLE", "ROOMS", "MADE BY", "EXPIRES", "USED BY"),
    "sessions": ("NAME", "DEVICE", "ONLINE", "SINCE", "LAST SEEN"),
}
_NOTHING: Final = {
    "user list": "Nobody has an account yet. The first one: secure-chat-admin user add NAME --role administrator",
    "invite list": "No invite was made yet: secure-chat-admin invite create",
    "sessions": "Nobody is logged in.",
}
_DONE: Final = {
    "enabled": "{name} is enabled, and logs in with the passphrase.",
    "disabled": "{name} is disabled.",
    "deleted": "{name} is deleted.",
    "logged_out": "{name} is logged out everywhere.",
    "revoked": "Invite {invite} is revoked.",
}
_SO_BEFORE: Final = {
    "enabled": "{name} is enabled already.",
    "disabled": "{name} is disabled already.",
    "deleted": "{name} was deleted before.",
}


def show(facts: Sequence[AnyFact], command: str, screen: Screen) -> None:
    """All results of a command."""
    heading = _HEADINGS.get(command)
    if screen.manner.json or heading is None:
        for fact in facts:
            screen.show(fact, _text(fact, screen))
        return
    if not facts:
        screen.advise(_NOTHING[command])
        return
    rows = [_row(fact) for fact in facts]
    for line in _table(rows if screen.manner.quiet else [heading, *rows]):
        screen.show_text(line)


def _text(fact: AnyFact, screen: Screen) -> str:
    match fact:
        case LinkFact():
            return fact.command
        case UserDetailsFact():
            return _page(fact)
        case DoneFact():
            sentence = (_DONE if fact.changed else _SO_BEFORE)[fact.what]
            return f"{screen.mark('ok')} {sentence.format(name=fact.name, invite=fact.invite)}"
        case _:
            return _BETWEEN_COLUMNS.join(_row(fact))


# --- tables --------------------------------------------------------------------------------------


def _row(fact: AnyFact) -> tuple[str, ...]:
    match fact:
        case UserFact():
            return fact.name, fact.role, fact.state, _yes(fact.online), _time(fact.created), _time(fact.last_login)
        case SessionFact():
            return fact.name, fact.device_id, _yes(fact.online), _time(fact.created), _time(fact.last_seen)
        case InviteFact():
            rooms = ",".join(f"#{room}" for room in fact.rooms)
            return (
                *(str(fact.invite), fact.state, fact.purpose, fact.name or "-", fact.role, rooms or "-"),
                *(fact.made_by or "-", _time(fact.expires), fact.used_by or "-"),
            )
        case _:
            return ()


def _table(rows: Sequence[tuple[str, ...]]) -> Sequence[str]:
    """Columns below each other, however wide a terminal draws the letters of a name."""
    widths = [max(cells(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        _BETWEEN_COLUMNS.join(
            text + " " * (width - cells(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


# --- one account ---------------------------------------------------------------------------------


def _page(fact: UserDetailsFact) -> str:
    user = fact.user
    lines = [
        f"{user.name}: {user.role}, {user.state}, {'online' if user.online else 'not online'}",
        f"  since       {_time(user.created)}",
        f"  last login  {_time(user.last_login)}",
        f"  rooms       {', '.join(f'#{room}' for room in fact.rooms) or 'none'}",
        f"  identity    {fact.identity_key}, device list {fact.device_list_version}",
    ]
    for device in fact.devices:
        online = "online" if device.online else "not online"
        session = "may come back" if device.may_resume else "needs the passphrase"
        lines.append(f"  device      {device.device_id}: {online}, {session}, last seen {_time(device.last_seen)}")
    return "\n".join(lines)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _time(moment: datetime | None) -> str:
    return "never" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"
