"""What secure-chat can be told on its command line: every command, option and example; quick to load."""

import argparse
from collections.abc import Sequence
from typing import Final, NoReturn

from secure_chat import __version__
from secure_chat.errors import UsageInvalid

PROGRAM: Final = "secure-chat"
CHAT: Final = "chat"  # no command: the line client
HISTORY: Final = "history"


class Arguments(argparse.Namespace):
    """What was said on the command line; what a command does not know keeps its default."""

    command: str = CHAT
    config: str | None = None
    profile: str | None = None
    data: str | None = None
    passphrase_file: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    no_color: bool = False
    yes: bool = False
    link: str | None = None
    name: str | None = None
    once: bool = False
    recovery: bool = False
    new_passphrase_file: str | None = None
    qr: bool = False
    to: Sequence[str] = ()
    message: str | None = None
    lines: bool = False
    action: bool = False
    since: str | None = None
    follow: bool = False
    others: bool = False
    pattern: str = ""
    room: str = ""
    count: str = "50"
    before: int | None = None
    words: Sequence[str] = ()
    what: str = ""
    origin: bool = False


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are errors like all others."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageInvalid`."""
        sentence = f"{message[:1].upper()}{message[1:]}".rstrip(".") + "."
        raise UsageInvalid(sentence, hint=f"{self.prog} --help")


class _PrintCompletion(argparse.Action):
    """Print a shell's completion script and end."""

    def __call__(self, parser: argparse.ArgumentParser, *said: object) -> NoReturn:
        import shtab

        print(shtab.complete(parser, str(said[1])))
        parser.exit()


def parse(arguments: Sequence[str]) -> Arguments:
    """Read a command line. Raises `UsageInvalid`; `--help` and `--version` print and raise `SystemExit`."""
    parsed, unknown = build_parser().parse_known_args(arguments, namespace=Arguments())
    if unknown:
        command = () if parsed.command == CHAT else (parsed.command,)
        hint = " ".join([PROGRAM, *command, "--help"])
        raise UsageInvalid(f"Unrecognized arguments: {_readable(unknown)}.", hint=hint)
    _check_texts(parsed)
    if parsed.command == HISTORY:
        _settle_room(parsed)
    return parsed


def _check_texts(parsed: Arguments) -> None:
    """Bytes that are no UTF-8 arrive as halves of characters, which nothing can send; a path may have them."""
    texts = (parsed.link, parsed.name, parsed.message, parsed.since, parsed.pattern, parsed.room, parsed.profile)
    for text in (*texts, *parsed.to, *parsed.words):
        if text is not None and _readable([text]) != text:
            raise UsageInvalid("An argument is not UTF-8. Nothing was done.", hint=f"{PROGRAM} --help")


def _readable(texts: Sequence[str]) -> str:
    return " ".join(texts).encode("utf-8", "replace").decode("utf-8")


def _settle_room(parsed: Arguments) -> None:
    """The one room of `history` is named either way: history ROOM, or history -t ROOM as in `send` and `read`."""
    rooms = [*parsed.to, *([parsed.room] if parsed.room else [])]
    if len(rooms) != 1:
        sentence = "Only one past is printed at a time." if rooms else "Whose past? history -t WHERE."
        raise UsageInvalid(sentence, hint=f"{PROGRAM} {HISTORY} --help")
    parsed.room = rooms[0]


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; shell completions and documents are made from it."""
    everywhere = _everywhere()
    parser = _Parser(
        prog=PROGRAM,
        description="Chat on a secure_chat server. Without a command: rooms and messages on this terminal.",
        epilog=_examples("", "join", "send -t '#dev' -m 'build is green'"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[everywhere],
        allow_abbrev=False,  # --passphrase is not to become --passphrase-file
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=["bash", "zsh", "tcsh"],
        metavar="SHELL",
        help="print a completion script for bash, zsh or tcsh",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _Commands(commands, everywhere).add_all()
    return parser


class _Commands:
    def __init__(self, commands: "argparse._SubParsersAction[_Parser]", everywhere: _Parser) -> None:
        self._commands = commands
        self._everywhere = everywhere

    def add_all(self) -> None:
        self._join()
        self._login()
        self._add("logout", "end this device's session", "logout", "logout --profile alice", "logout -q")
        self._passwd()
        self._invite()
        self._send()
        self._read()
        self._rooms()
        self._users()
        self._history()
        self._search()
        self._add("status", "how this profile and its server are", "status", "status --json", "status --profile alice")
        self._add(
            "demo", "show a message on its way, and what a server keeps of it", "demo", "demo --json", "demo --no-color"
        )
        self._config()

    def _add(self, name: str, meaning: str, *examples: str) -> _Parser:
        return self._commands.add_parser(
            name,
            help=meaning,
            description=f"{meaning[:1].upper()}{meaning[1:]}.",
            epilog=_examples(*examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            parents=[self._everywhere],
            allow_abbrev=False,
        )

    def _join(self) -> None:
        parser = self._add(
            "join",
            "make an account by an invite",
            "join",
            "join 'secure-chat://team.example.org:7443/j#1.…'",
            "join --json < answers",
        )
        parser.add_argument("link", nargs="?", metavar="LINK", help="the invite; asked for if left out")
        parser.add_argument("--name", metavar="NAME", help="user name; asked for if left out")
        parser.add_argument("--once", action="store_true", help="end when joined, also on a terminal")

    def _login(self) -> None:
        parser = self._add(
            "login",
            "log in, or come back by a recovery key",
            "login",
            "login --profile alice@team.example.org",
            "login --recovery 'secure-chat://team.example.org:7443/j#1.…'",
        )
        parser.add_argument("link", nargs="?", metavar="LINK", help="a link of the server, used or not")
        parser.add_argument("--recovery", action="store_true", help="put this device in place of the old one")
        parser.add_argument("--name", metavar="NAME", help="user name; asked for if left out")
        parser.add_argument("--once", action="store_true", help="end when logged in, also on a terminal")

    def _passwd(self) -> None:
        parser = self._add(
            "passwd", "change the passphrase", "passwd", "passwd --profile alice", "passwd --new-passphrase-file new"
        )
        parser.add_argument("--new-passphrase-file", metavar="PATH", help="file that holds the new passphrase")

    def _invite(self) -> None:
        parser = self._add("invite", "make a link for one person", "invite", "invite --qr", "invite --json")
        parser.add_argument("--qr", action="store_true", help="draw it as a code for a camera as well")

    def _send(self) -> None:
        parser = self._add(
            "send",
            "say something in a room, or to a person, end-to-end encrypted",
            "send -t '#dev' -m 'build is green'",
            "send -t bob < report.txt",
            "send -t '#dev' -t bob -m hello --json",
        )
        parser.add_argument(
            "-t", "--to", action="append", required=True, metavar="WHERE", help="#ROOM or USER; repeatable"
        )
        parser.add_argument("-m", "--message", metavar="TEXT", help="the text; - or nothing: standard input")
        parser.add_argument("--lines", action="store_true", help="each line of standard input is a message")
        parser.add_argument("--action", action="store_true", help="as /me does")

    def _read(self) -> None:
        parser = self._add(
            "read",
            "print what was said",
            "read",
            "read -t '#dev' --since 2h",
            "read -t bob --follow --others --json",
        )
        parser.add_argument(
            "-t", "--to", action="append", default=[], metavar="WHERE", help="only these: #ROOM or USER"
        )
        parser.add_argument("--since", metavar="ID|TIME", help="a number of the room, or 30m, 2h, 3d; else what is new")
        parser.add_argument("--others", action="store_true", help="leave out what this account said")
        parser.add_argument("--follow", action="store_true", help="go on with what is being said, until Ctrl-C")

    def _rooms(self) -> None:
        parser = self._add("rooms", "list rooms", "rooms", "rooms dev", "rooms --json")
        parser.add_argument("pattern", nargs="?", default="", metavar="PATTERN", help="only names that hold this")

    def _users(self) -> None:
        parser = self._add("users", "list who is online", "users", "users --room '#dev'", "users --json")
        parser.add_argument("--room", default="", metavar="ROOM", help="this room's members instead, online or not")

    def _history(self) -> None:
        parser = self._add(
            HISTORY,
            "print the past of a room or a conversation",
            "history '#dev'",
            "history -t bob -n all",
            "history '#dev' --before 4711",
        )
        parser.add_argument("room", nargs="?", default="", metavar="WHERE", help="#ROOM or @USER; or say it by -t")
        parser.add_argument("-t", "--to", action="append", default=[], metavar="WHERE", help="#ROOM or USER")
        parser.add_argument("-n", "--count", default="50", metavar="N|all", help="how many events (50)")
        parser.add_argument("--before", type=int, metavar="ID", help="only those before this number")

    def _search(self) -> None:
        parser = self._add(
            "search",
            "look for messages",
            "search cert rotation",
            "search rotation in:@bob",
            "search rotation from:bob in:#dev after:2026-05-01 -n all --json",
        )
        parser.add_argument(
            "words", nargs="+", metavar="WORD", help="words; from:USER in:#ROOM in:@USER after:DATE narrow it"
        )
        parser.add_argument("-n", "--count", default="50", metavar="N|all", help="how many messages (50)")

    def _config(self) -> None:
        parser = self._add(
            "config", "the settings in force", "config show", "config show --origin", "config show --json"
        )
        parser.add_argument("what", choices=["show"], metavar="show")
        parser.add_argument("--origin", action="store_true", help="say where each comes from")


def _everywhere() -> _Parser:
    """Options that may stand before and after a command. SUPPRESS: one given before it is not reset by it."""
    parser = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--config", metavar="PATH", help="settings file")
    parser.add_argument("--profile", metavar="USER[@HOST]", help="which profile")
    parser.add_argument("--data", metavar="DIRECTORY", help="where profiles lie")
    parser.add_argument("--passphrase-file", metavar="PATH", help="file with the passphrase, readable by you alone")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("-q", "--quiet", action="store_true", help="only data and errors")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more")
    parser.add_argument("--no-color", action="store_true", help="plain text")
    parser.add_argument("--yes", action="store_true", help="answer yes to what would be asked")
    return parser


def _examples(*examples: str) -> str:
    lines = "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples)
    return f"examples:\n{lines}"
