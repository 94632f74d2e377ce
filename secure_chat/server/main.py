"""secure-chat-server: the command line of the server; heavy parts are imported by the command that needs them."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from secure_chat import __version__
from secure_chat.errors import ChatError
from secure_chat.exit_codes import ExitCode, exit_code_of
from secure_chat.programs import typable

if TYPE_CHECKING:
    from secure_chat.server.settings.sources import SettingsSources

PROGRAM: Final = "secure-chat-server"

# Flag, dotted key, placeholder, help: the settings that are often given for one start.
_SETTING_FLAGS: Final = (
    ("--data", "data", "DIR", "directory of the database, the log and the administration socket"),
    ("--certs", "certificates.directory", "DIR", "directory of secure-chat-certs"),
    ("--name", "name", "HOST", "host name that invites name; the certificate is for it"),
    ("--host", "listen.host", "ADDRESS", "address to listen on"),
    ("--port", "listen.port", "PORT", "TCP port; 0 takes a free one and prints it"),
    ("--registration", "registration", "MODE", "closed, invite or open"),
    ("--log-level", "log.level", "LEVEL", "debug, info, warning or error"),
    ("--log-format", "log.format", "FORMAT", "text or json"),
)

EXAMPLES: Final = {
    "": ("quickstart", "run --config /etc/secure-chat/secure-chat.toml", "status"),
    "quickstart": ("quickstart", "quickstart --name team.example.org", "quickstart --data var --certs certs --port 0"),
    "run": ("run", "run --config /etc/secure-chat/secure-chat.toml", "run --port 7444 --log-format json"),
    "check-config": ("check-config", "check-config --origin", "check-config --config new.toml --json"),
    "status": ("status", "status --json", "status --data /srv/secure-chat"),
    "reload": ("reload", "reload --json", "reload --data /srv/secure-chat"),
    "version": ("version", "version --json", "version -v"),
}


class _Parser(argparse.ArgumentParser):
    """Mistakes in arguments end with exit code 2, as argparse does, and are told as all others are."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is."""
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n  see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    root = _Parser(
        prog=PROGRAM,
        description="The server of secure_chat: rooms kept by the server, direct messages it cannot read.",
        epilog=_examples(""),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    root.add_argument("--print-completion", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help=argparse.SUPPRESS)
    root.set_defaults(config=None, json=False, quiet=False, verbose=False, no_color=False, yes=False)
    root.set_defaults(set=[], set_before=[], **{key: None for _, key, _, _ in _SETTING_FLAGS})
    _add_common(root, set_to="set_before")  # a list of the root's would give way to the command's
    common = _Parser(add_help=False)
    _add_common(common, set_to="set")
    commands = root.add_subparsers(dest="command", metavar="COMMAND")
    for name, sentence in (
        ("quickstart", "prepare what is missing, then serve until Ctrl-C"),
        ("run", "serve until Ctrl-C or SIGTERM"),
        ("check-config", "check settings and certificate without serving"),
        ("status", "how the running server is"),
        ("reload", "let the running server read settings and certificate again"),
        ("version", "the version of this program"),
    ):
        added = commands.add_parser(
            name,
            parents=[common],
            help=sentence,
            description=sentence[0].upper() + sentence[1:] + ".",
            epilog=_examples(name),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name == "quickstart":
            added.add_argument("--prepare-only", action="store_true", help="stop before serving")
        if name == "check-config":
            added.add_argument("--origin", action="store_true", help="show every value and what named it")
        if name in ("quickstart", "run"):
            added.add_argument(
                "--experimental-free-threading",
                action="store_true",
                help="start on an interpreter without the global lock; nobody has tested this",
            )
    return root


def _add_common(to: argparse.ArgumentParser, *, set_to: str) -> None:
    """The options of every command, before it or after it. Without defaults: a command leaves alone what stood before.

    `set_to`: where the texts of --set are collected.
    """
    unset = argparse.SUPPRESS
    to.add_argument("--config", type=Path, default=unset, metavar="FILE", help="the only settings file that is read")
    for flag, key, placeholder, sentence in _SETTING_FLAGS:
        to.add_argument(flag, dest=key, default=unset, metavar=placeholder, help=sentence)
    to.add_argument("--set", dest=set_to, action="append", default=unset, metavar="KEY=VALUE", help="any other setting")
    to.add_argument("--json", action="store_true", default=unset, help="one JSON object a line")
    to.add_argument("-q", "--quiet", action="store_true", default=unset, help="no talk on standard error")
    to.add_argument("-v", "--verbose", action="store_true", default=unset, help="more talk: the log at level debug")
    to.add_argument("--no-color", action="store_true", default=unset, help="accepted; nothing here is coloured")
    to.add_argument("--yes", action="store_true", default=unset, help="accepted; nothing here asks")


def _examples(command: str) -> str:
    return "examples:\n" + "\n".join(f"  {PROGRAM} {example}" for example in EXAMPLES[command])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    root = parser()
    options = root.parse_args(arguments)
    if options.print_completion:
        import shtab

        print(shtab.complete(root, options.print_completion))
        return ExitCode.OK
    if options.command is None:
        root.print_help(sys.stderr)
        return ExitCode.USAGE
    try:
        return _run(options)
    except ChatError as error:
        _report(error, options)
        return exit_code_of(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.OK  # whoever reads has seen enough


def _report(error: ChatError, options: argparse.Namespace) -> None:
    """Tell an error: what happened, its code, the next step. On standard error, one form for all commands."""
    from secure_chat.errors import CertificateMissing, ServerNotRunning
    from secure_chat.server.next_steps import next_step

    is_nothing_there = isinstance(error, ServerNotRunning | CertificateMissing)
    passed_over = _sources(options).passed_over() if is_nothing_there else None
    values = vars(options)
    place: list[str] = [] if options.config is None else ["--config", str(options.config)]
    for flag, key in (("--data", "data"), ("--certs", "certificates.directory")):
        if values[key] is not None:
            place += [flag, values[key]]
    print(f"{PROGRAM}: {error.sentence} [{error.code}]", file=sys.stderr)
    if step := next_step(error, place, passed_over):
        print(f"  {typable(step)}", file=sys.stderr)


def _run(options: argparse.Namespace) -> int:
    if options.command == "version":
        from secure_chat.server.commands import show_version

        return show_version(as_json=options.json, is_verbose=options.verbose)
    sources = _sources(options)
    if options.command == "quickstart":
        from secure_chat.server.quickstart import quickstart

        _check_interpreter(options.experimental_free_threading)
        return quickstart(sources, as_json=options.json, prepare_only=options.prepare_only)
    if options.command == "run":
        from secure_chat.server.assembly import serve

        _check_interpreter(options.experimental_free_threading)
        return serve(sources)
    from secure_chat.server import commands

    if options.command == "check-config":
        return commands.check_config(sources, as_json=options.json, with_origins=options.origin or options.verbose)
    if options.command == "status":
        return commands.status(sources, as_json=options.json)
    return commands.reload(sources, as_json=options.json)


def _sources(options: argparse.Namespace) -> "SettingsSources":
    from secure_chat.errors import SettingInvalid
    from secure_chat.server.settings.sources import SettingsSources

    flags: list[tuple[str, str]] = []
    if options.verbose:
        flags.append(("log.level", "debug"))
    if options.quiet:
        flags.append(("log.standard_error", "false"))
    for assignment in [*options.set_before, *options.set]:
        key, separator, value = assignment.partition("=")
        if not separator:
            raise SettingInvalid(f"--set {assignment}: write it as KEY=VALUE.")
        flags.append((key.strip(), value.strip()))
    values = vars(options)
    flags += [(key, values[key]) for _, key, _, _ in _SETTING_FLAGS if values[key] is not None]
    return SettingsSources.of_process(flags, options.config)


def _check_interpreter(is_experiment: bool) -> None:
    """A build without the global lock, which nobody has tested the server on, must be asked for."""
    from secure_chat.errors import InterpreterUnsupported

    if "t" in sys.abiflags and not is_experiment:
        raise InterpreterUnsupported


if __name__ == "__main__":
    sys.exit(main())
