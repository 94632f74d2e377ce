"""What secure-chat-admin understands."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from secure_chat.errors import UsageInvalid
from secure_chat.limits import INVITE_HOURS, MAX_INVITE_HOURS, MAX_INVITE_ROOMS
from secure_chat_tools import command_line
from secure_chat_tools.screen import Manner

PROGRAM: Final = "secure-chat-admin"
MEMBER: Final = "member"
ADMINISTRATOR: Final = "administrator"

_EXAMPLES: Final = f"""\
examples:
  {PROGRAM} user add alice                      print the link by which alice joins
  {PROGRAM} invite create --room '#dev'         print a link for whoever holds it, who is in #dev at once
  {PROGRAM} --config var/secure-chat.toml user list --json

While the server runs, it is asked through the socket in its data directory; run this as the server's user or as root.
While it is stopped, this works on its database, under the lock that keeps a server from starting meanwhile.
Which server: --config FILE, else the server's own environment and settings files.

exit codes: 0 ok, 1 bug, 2 usage or settings, 3 no answer from the server, 5 permission, 7 busy, try again,
            8 not found, 130 interrupted
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments(Manner):
    """One call of the command."""

    command: str  # "user list", "invite create", "sessions"
    config: Path | None = None
    name: str = ""
    role: str = MEMBER
    rooms: tuple[str, ...] = ()
    hours: int = INVITE_HOURS
    invite: int = 0
    only_online: bool = False


def parse(arguments: list[str]) -> Arguments:
    """Read the arguments after the command's name.

    Raises `UsageInvalid` for a mistake, and `SystemExit` after help, version or completion.
    """
    given = _parser().parse_args(arguments)
    rooms = tuple(getattr(given, "room", ()))
    if len(rooms) > MAX_INVITE_ROOMS:
        raise UsageInvalid(f"An invite names at most {MAX_INVITE_ROOMS} rooms.", hint=f"see {PROGRAM} --help")
    return Arguments(
        command=" ".join(filter(None, (given.command, getattr(given, "action", "")))),
        config=given.config,
        name=getattr(given, "name", ""),
        role=getattr(given, "role", MEMBER),
        rooms=rooms,
        hours=getattr(given, "hours", INVITE_HOURS),
        invite=getattr(given, "invite", 0),
        only_online=getattr(given, "online", False),
        json=given.json,
        quiet=given.quiet,
        verbose=given.verbose,
        color=not given.no_color,
        yes=given.yes,
        same_place=() if given.config is None else ("--config", str(given.config)),
    )


def _parser() -> command_line.Parser:
    parser = command_line.root(PROGRAM, "Manage the people, invites and sessions of a server.", _EXAMPLES)
    add = command_line.Commands.of(parser, PROGRAM, _add_options)
    _add_user_commands(add)
    _add_invite_commands(add)
    sessions = add.command(
        "sessions",
        "list the devices that are connected, and those that may come back without a passphrase",
        "sessions",
        "sessions --online",
        "sessions --json",
    )
    sessions.add_argument("--online", action="store_true", help="only those that are connected now")
    return parser


def _add_user_commands(add: command_line.Commands) -> None:
    user = add.group("user", "accounts of people", "user list", "user add alice", "user disable alice --yes")
    user.command("list", "list all accounts", "user list", "user list --json", "user list -q")
    _add_name(
        user.command(
            "show",
            "show one account, its devices and rooms",
            "user show bob",
            "user show bob --json",
            "user show -v bob",
        )
    )
    added = user.command(
        "add",
        "print a link by which one person joins under this name",
        "user add alice",
        "user add alice --role administrator",
        "user add alice --room '#dev' --room '#ops' --hours 24",
    )
    _add_name(added)
    _add_invitation(added)
    _add_name(
        user.command(
            "disable",
            "end an account's sessions and refuse its logins until it is enabled",
            "user disable bob",
            "user disable bob --yes",
            "user disable bob --yes --json",
        )
    )
    _add_name(
        user.command(
            "enable",
            "let a disabled account in again",
            "user enable bob",
            "user enable bob -q",
            "user enable bob --json",
        )
    )
    _add_name(
        user.command(
            "delete",
            "end an account for good; its name is never given again",
            "user delete bob",
            "user delete bob --yes",
            "user delete bob --yes --json",
        )
    )
    reset = user.command(
        "reset",
        "end passphrase and sessions of an account; print the link by which its owner comes back",
        "user reset bob",
        "user reset bob --yes --hours 4",
        "user reset bob --yes --json",
    )
    _add_name(reset)
    _add_hours(reset)
    _add_name(
        user.command(
            "logout",
            "end all sessions of an account; it may log in again",
            "user logout bob",
            "user logout bob --yes",
            "user logout bob --yes --json",
        )
    )


def _add_invite_commands(add: command_line.Commands) -> None:
    invite = add.group("invite", "links by which people join", "invite create", "invite list", "invite revoke 7")
    _add_invitation(
        invite.command(
            "create",
            "print a link by which whoever holds it joins, under a name of their own choice",
            "invite create",
            "invite create --role administrator --hours 4",
            "invite create --room '#dev' --json",
        )
    )
    invite.command("list", "list all invites, the newest first", "invite list", "invite list --json", "invite list -q")
    revoke = invite.command(
        "revoke",
        "end an invite that was not used",
        "invite revoke 7",
        "invite revoke 7 -q",
        "invite revoke 7 --json",
    )
    revoke.add_argument("invite", type=_number, metavar="NUMBER", help="as the list shows it")


def _add_options(parser: argparse.ArgumentParser) -> None:
    command_line.add_manner(
        parser, explained="which server is asked, and how", yes="do it without asking, where something would be asked"
    )


def _add_name(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the person's user name")


def _add_invitation(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role", choices=(MEMBER, ADMINISTRATOR), default=MEMBER, help=f"what they become (default: {MEMBER})"
    )
    parser.add_argument(
        "--room",
        action="append",
        default=[],
        metavar="ROOM",
        help="a room that they are in at once, besides #lobby; may come again",
    )
    _add_hours(parser)


def _add_hours(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--hours",
        type=_hours,
        default=INVITE_HOURS,
        metavar="N",
        help=f"for how long the link can be used, 1 to {MAX_INVITE_HOURS} (default: {INVITE_HOURS})",
    )


def _hours(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= MAX_INVITE_HOURS:
        raise argparse.ArgumentTypeError(f"write 1 to {MAX_INVITE_HOURS}")
    return int(text)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:19]) < 2**63 or len(text) > 19:
        raise argparse.ArgumentTypeError("write the number that `invite list` shows")
    return int(text)
