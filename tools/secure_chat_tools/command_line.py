"""What the command lines of the operator's tools have in common: options, examples in each help, exit codes."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn, TypeVar

import shtab

from secure_chat import __version__
from secure_chat.errors import ChatError, UsageInvalid
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat_tools.screen import Manner, Screen

Call = TypeVar("Call", bound=Manner)

# Without a default of their own, the options of a sub-command leave alone what stood before it.
UNSET: Final = argparse.SUPPRESS


def run(
    program: str,
    parse: Callable[[list[str]], Call],
    work: Callable[[Call, Screen], int],
    unusable: type[ChatError],
    arguments: Sequence[str] | None = None,
) -> int:
    """Run a command with the arguments of the process or those given; return its exit code.

    `unusable`: what an error of the operating system, which always names a file, is told as.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)

    def screen_for(manner: Manner) -> Screen:
        return Screen.of(program, manner, sys.stdout, sys.stderr, sys.stdin)

    screen = screen_for(Manner(json="--json" in given))
    try:
        call = parse(given)
        screen = screen_for(call)
        return work(call, screen)
    except ChatError as error:
        screen.refuse(error)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # Who read the output has enough of it; Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        failed = unusable(f"{error.filename or 'A file'} cannot be used: {error.strerror}.")
        screen.refuse(failed)
        return exit_code_of(failed)


class Parser(argparse.ArgumentParser):
    """Mistakes are told as all other errors are."""

    def error(self, message: str) -> NoReturn:
        """Raise `UsageInvalid`."""
        raise UsageInvalid(f"{message[:1].upper()}{message[1:]}.", hint=f"see {self.prog} --help")


def root(program: str, description: str, epilog: str) -> Parser:
    """The parser of a program, without its commands."""
    parser = Parser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    shtab.add_argument_to(parser, ["--print-completion"], help="print a shell's completion script and exit")
    parser.set_defaults(config=None, json=False, quiet=False, verbose=False, no_color=False, yes=False)
    return parser


def add_manner(parser: argparse.ArgumentParser, *, explained: str, yes: str) -> None:
    """The options of every command. `explained`: what -v tells; `yes`: what --yes does."""
    config = parser.add_argument("--config", type=Path, default=UNSET, metavar="FILE", help="the server's settings")
    parser.add_argument("--json", action="store_true", default=UNSET, help="one object a line, for programs")
    parser.add_argument("-q", "--quiet", action="store_true", default=UNSET, help="say nothing but results")
    parser.add_argument("-v", "--verbose", action="store_true", default=UNSET, help=f"say {explained}")
    parser.add_argument("--no-color", action="store_true", default=UNSET, help="plain text; NO_COLOR does the same")
    parser.add_argument("--yes", action="store_true", default=UNSET, help=yes)
    vars(config).update(complete=shtab.FILE)


@dataclass(frozen=True, slots=True)
class Commands:
    """The sub-commands of a parser, each with the options of every command and three examples."""

    program: str
    parsers: "argparse._SubParsersAction[Parser]"
    add_options: Callable[[argparse.ArgumentParser], None]

    @classmethod
    def of(cls, parser: Parser, program: str, add_options: Callable[[argparse.ArgumentParser], None]) -> "Commands":
        """Those of the root."""
        add_options(parser)
        return cls(program, parser.add_subparsers(dest="command", required=True, metavar="COMMAND"), add_options)

    def command(self, name: str, sentence: str, *examples: str) -> Parser:
        """Add one."""
        parser = self.parsers.add_parser(
            name,
            help=sentence,
            description=f"{sentence[0].upper()}{sentence[1:]}.",
            epilog="\n".join(["examples:", *(f"  {self.program} {example}" for example in examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.add_options(parser)
        return parser

    def group(self, name: str, sentence: str, *examples: str) -> "Commands":
        """Add one that has commands of its own."""
        parser = self.command(name, sentence, *examples)
        return Commands(
            self.program,
            parser.add_subparsers(dest="action", required=True, metavar="ACTION"),
            self.add_options,
        )
