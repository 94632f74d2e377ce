"""What secure-chat-certs understands, and which directory it is about."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import shtab

from secure_chat.limits import CERTIFICATE_DAYS, MAX_CERTIFICATE_DAYS
from secure_chat.server.settings.sources import LoadedSettings, SettingsSources, Source
from secure_chat_tools import command_line
from secure_chat_tools.screen import Manner

PROGRAM: Final = "secure-chat-certs"
HERE: Final = Path("certs")

_EXAMPLES: Final = f"""\
examples:
  {PROGRAM} init                                     make the authority and the key log's signing key
  {PROGRAM} issue server --san team.example.org      issue the server's certificate
  {PROGRAM} --dir /srv/certs --json verify           check every file, as one object a line

the directory is, the first that is given:
  --dir DIRECTORY
  the server's setting certificates.directory, from --config FILE, the environment or its settings file
  ./{HERE}, where there is such a directory
  {HERE} below the server's data directory

in it:
  authority/authority.key    the authority's private key. The server does not need it: keep it elsewhere if you can,
                             and put it back to issue
  authority.crt              the authority's certificate
  server.crt, server.key     the server's certificate, followed by the authority's; its private key
  log.key                    the key log's signing key. Keep a copy: a new one looks to every client like an attack
  clients/                   certificates and keys of clients
  retired/                   what the server had before; nothing is ever overwritten

exit codes: 0 ok, 1 bug, 2 usage, settings or a file that cannot be used, 4 clients would refuse the server,
            5 permission, 8 not found, 130 interrupted
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments(Manner):
    """One call of the command."""

    command: str  # init, issue, show, pin or verify
    directory: Path
    origin: str  # what named the directory
    purpose: str = "server"
    names: tuple[str, ...] = ()
    days: int = CERTIFICATE_DAYS
    only: bool = False


def parse(arguments: list[str]) -> Arguments:
    """Read the arguments after the command's name.

    Raises `UsageInvalid` for a mistake, the errors of settings, and `SystemExit` after help, version or completion.
    """
    given = _parser().parse_args(arguments)
    directory, origin = _directory(given.dir, given.config)
    return Arguments(
        command=given.command,
        directory=directory,
        origin=origin,
        same_place=_same_directory(given.dir, given.config),
        purpose=getattr(given, "purpose", "server"),
        names=tuple(getattr(given, "san", ())),
        days=getattr(given, "days", CERTIFICATE_DAYS),
        only=getattr(given, "only", False),
        json=given.json,
        quiet=given.quiet,
        verbose=given.verbose,
        color=not given.no_color,
        yes=given.yes,
    )


def _same_directory(directory: Path | None, config: Path | None) -> tuple[str, ...]:
    if directory is not None:
        return "--dir", str(directory)
    return () if config is None else ("--config", str(config))


def _directory(directory: Path | None, config: Path | None) -> tuple[Path, str]:
    if directory is not None:
        return directory, "--dir"
    loaded = SettingsSources.of_process(config=config).load()
    named = _named_by(loaded)
    if named is None and HERE.is_dir():
        return HERE, "the directory here"
    return loaded.settings.certificate_directory, named or "default"


def _named_by(loaded: LoadedSettings) -> str | None:
    """What decides the directory in the settings; None when nothing does."""
    places = {origin.key: origin.place for origin in loaded.origins if origin.source is not Source.DEFAULT}
    return places.get("certificates.directory") or places.get("data")


def _parser() -> command_line.Parser:
    parser = command_line.root(
        PROGRAM, "Make a server's own authority, issue certificates under it, show and verify them.", _EXAMPLES
    )
    parser.set_defaults(dir=None)
    add = command_line.Commands.of(parser, PROGRAM, _add_options)
    add.command(
        "init", "make the authority and the key log's signing key", "init", "init --dir /srv/certs", "init --json"
    )
    issue = add.command(
        "issue",
        "issue a certificate for a server or a client",
        "issue server --san team.example.org 10.0.0.5",
        "issue server                                as before, for another 90 days",
        "issue client --san alice-laptop --days 365",
    )
    _add_issue(issue)
    add.command("show", "show the authority and what it issued", "show", "show --json", "show --dir /srv/certs")
    add.command("pin", "print the pins that people compare", "pin", "pin --json", "pin --dir /srv/certs")
    add.command(
        "verify", "check every file as a client and as the server would", "verify", "verify -q", "verify --json"
    )
    return parser


def _add_issue(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("purpose", choices=("server", "client"), help="whom the certificate is for")
    parser.add_argument(
        "--san",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="host names and addresses; a server keeps those of its present certificate as well",
    )
    parser.add_argument(
        "--days",
        type=int,
        default=CERTIFICATE_DAYS,
        metavar="N",
        help=f"for how long, 1 to {MAX_CERTIFICATE_DAYS} (default: {CERTIFICATE_DAYS})",
    )
    parser.add_argument("--only", action="store_true", help="exactly these names, none of the present certificate's")


def _add_options(parser: argparse.ArgumentParser) -> None:
    directory = parser.add_argument(
        "--dir", type=Path, default=command_line.UNSET, metavar="DIRECTORY", help="the directory"
    )
    command_line.add_manner(parser, explained="which directory, and why", yes="taken as everywhere; nothing here asks")
    vars(directory).update(complete=shtab.DIRECTORY)
