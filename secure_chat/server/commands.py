"""check-config, status, reload, version: the commands that print and end."""

import platform
import sqlite3
import ssl
import sys
from datetime import UTC, datetime

import msgspec

from secure_chat import __version__
from secure_chat.errors import InternalError
from secure_chat.exit_codes import ExitCode
from secure_chat.protocol import administration as a
from secure_chat.server.settings.model import SETTINGS, value_of
from secure_chat.server.settings.sources import SettingsSources

SCHEMA = 1  # of the JSON lines


class VersionLine(msgspec.Struct, tag_field="event", tag="version"):
    """`version --json`."""

    schema: int
    version: str
    python: str
    openssl: str
    sqlite: str


class SettingLine(msgspec.Struct, tag_field="event", tag="setting"):
    """`check-config --origin --json`: one for each setting."""

    schema: int
    key: str
    value: str | int | float | bool | None
    source: str
    place: str
    live: bool


class CheckedLine(msgspec.Struct, tag_field="event", tag="checked"):
    """`check-config --json`: settings and certificate are fine."""

    schema: int
    files: list[str]
    name: str
    certificate_names: list[str]
    certificate_ends: str


class StatusLine(msgspec.Struct, tag_field="event", tag="status"):
    """`status --json`."""

    schema: int
    version: str
    pid: int
    host: str
    port: int
    name: str
    registration: str
    started: str
    connections: int
    people: int
    accounts: int
    rooms: int
    certificate_ends: str


class ReloadedLine(msgspec.Struct, tag_field="event", tag="reloaded"):
    """`reload --json`."""

    schema: int
    changed: list[str]
    needing_restart: list[str]
    certificate_ends: str


def show_version(*, as_json: bool, is_verbose: bool) -> int:
    """Print the version, and with -v what it runs on."""
    line = VersionLine(SCHEMA, __version__, platform.python_version(), ssl.OPENSSL_VERSION, sqlite3.sqlite_version)
    if as_json:
        print_json(line)
        return ExitCode.OK
    print(f"secure-chat-server {line.version}")
    if is_verbose:
        print(f"Python {line.python}, {line.openssl}, SQLite {line.sqlite}")
    return ExitCode.OK


def check_config(sources: SettingsSources, *, as_json: bool, with_origins: bool) -> int:
    """Check settings and certificate as a start would. Raises `SettingInvalid`, `CertificateError`, `TlsError`."""
    from secure_chat.server.live import check

    loaded = sources.load()
    if with_origins:
        origins = {origin.key: origin for origin in loaded.origins}
        for row in SETTINGS:
            value, origin = value_of(loaded.settings, row.key), origins[row.key]
            shown = str(value) if not isinstance(value, str | int | float | bool | None) else value
            if as_json:
                print_json(SettingLine(SCHEMA, row.key, shown, origin.source.value, origin.place, row.live))
            else:
                place = origin.place or origin.source.value
                print(f"{row.key} = {msgspec.json.encode(shown).decode()}  # {place}")
    checked = check(loaded.settings, datetime.now(UTC).astimezone())
    names, ends = checked.identity.names, checked.identity.ends
    files = [str(path) for path in loaded.files]
    if as_json:
        print_json(CheckedLine(SCHEMA, files, loaded.settings.name, list(names), ends.isoformat()))
    else:
        print(f"Settings are fine: {', '.join(files) or 'defaults only'}.")
        print(f"The certificate is for {', '.join(names)}, until {ends:%Y-%m-%d}.")
    return ExitCode.OK


def status(sources: SettingsSources, *, as_json: bool) -> int:
    """Ask the running server how it is. Raises `ServerNotRunning`."""
    reply = _ask(sources, a.AskStatus(1))
    if not isinstance(reply, a.Status):
        raise InternalError
    started, ends = _day_and_time(reply.started), _day_and_time(reply.certificate_ends)
    if as_json:
        print_json(
            StatusLine(
                SCHEMA,
                reply.version,
                reply.pid,
                reply.host,
                reply.port,
                reply.name,
                reply.registration,
                started.isoformat(),
                reply.connections,
                reply.people,
                reply.accounts,
                reply.rooms,
                ends.isoformat(),
            )
        )
        return ExitCode.OK
    print(f"secure-chat-server {reply.version} runs on {reply.host}:{reply.port} as {reply.name}, pid {reply.pid}")
    print(f"since {started:%Y-%m-%d %H:%M}, certificate until {ends:%Y-%m-%d}, registration: {reply.registration}")
    print(
        f"{reply.people} online, {_number(reply.connections, 'connection')}, "
        f"{_number(reply.accounts, 'account')}, {_number(reply.rooms, 'room')}"
    )
    return ExitCode.OK


def reload(sources: SettingsSources, *, as_json: bool) -> int:
    """Let the running server read settings and certificate again. Raises what it refuses them for."""
    reply = _ask(sources, a.Reload(1))
    if not isinstance(reply, a.Reloaded):
        raise InternalError
    ends = _day_and_time(reply.certificate_ends)
    if as_json:
        print_json(ReloadedLine(SCHEMA, reply.changed, reply.needing_restart, ends.isoformat()))
        return ExitCode.OK
    print(
        f"Reloaded. Changed: {', '.join(reply.changed) or 'nothing'}. The certificate is valid until {ends:%Y-%m-%d}."
    )
    if reply.needing_restart:
        print(f"At the next start: {', '.join(reply.needing_restart)}.")
    return ExitCode.OK


def _ask(sources: SettingsSources, command: a.AdministrationCommand) -> a.AdministrationReply:
    from secure_chat.server.settings.control_client import ask

    return ask(sources.load().settings.directory, command)


def _number(count: int, of_what: str) -> str:
    return f"{count} {of_what}" if count == 1 else f"{count} {of_what}s"


def _day_and_time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone()


def print_json(line: msgspec.Struct) -> None:
    """One JSON object a line on standard output."""
    sys.stdout.write(msgspec.json.encode(line).decode("utf-8") + "\n")
    sys.stdout.flush()
