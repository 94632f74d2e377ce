"""secure-chat-server quickstart: prepare what is missing, print the administrator's invite, serve."""

import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from secure_chat.certificates.hosts import host_and_port
from secure_chat.certificates.pins import log_pin
from secure_chat.certificates.store import CertificateDirectory, ServerIdentity, load_server_identity
from secure_chat.exit_codes import ExitCode
from secure_chat.limits import INVITE_HOURS, INVITE_TOKEN_BYTES
from secure_chat.protocol.authentication import invite_token_hash
from secure_chat.protocol.link import Link
from secure_chat.protocol.states import Role
from secure_chat.server.acceptor import listen
from secure_chat.server.assembly import serve
from secure_chat.server.commands import SCHEMA, print_json
from secure_chat.server.preparation import PreparedInstallation, Step, first_settings, prepare_installation
from secure_chat.server.server import print_ready
from secure_chat.server.settings import pasteable
from secure_chat.server.settings.sources import SettingsSources
from secure_chat.storage.administration import MS_PER_HOUR, OPERATOR
from secure_chat.storage.entries import CreateInvite, RevokeUnusedAdministratorInvites
from secure_chat.storage.outcomes import Refused
from secure_chat.storage.store import Store

PIN_COLUMN: Final = 51  # where pins begin, so that they stand below each other


class StepLine(msgspec.Struct, tag_field="event", tag="prepared", omit_defaults=True):
    """`quickstart --json`: something was made."""

    schema: int
    what: str
    sentence: str
    pin: str = ""


class ListeningLine(msgspec.Struct, tag_field="event", tag="listening"):
    """`quickstart --json`: connections are taken."""

    schema: int
    host: str
    port: int


class ReadyLine(msgspec.Struct, tag_field="event", tag="ready"):
    """`quickstart --json`: the server serves."""

    schema: int
    host: str
    port: int
    pid: int


class InviteLine(msgspec.Struct, tag_field="event", tag="invite"):
    """`quickstart --json`: the administrator's invite, and the commands by which two people join."""

    schema: int
    link: str
    hours: int
    command: str
    next_invite_command: str

    def __repr__(self) -> str:
        return "InviteLine()"


class InvitingLine(msgspec.Struct, tag_field="event", tag="inviting"):
    """`quickstart --json`: somebody administers this server; the command by which the next person is invited."""

    schema: int
    command: str


@dataclass(frozen=True, slots=True)
class Voice:
    """What quickstart prints on standard output: lines for people, or one JSON object a line."""

    as_json: bool
    settings_file: Path

    def tell_step(self, step: Step) -> None:
        """Something was made."""
        if self.as_json:
            print_json(StepLine(SCHEMA, step.what, step.sentence, step.pin))
            return
        _print_line(f"  [ok] {step.sentence:<{PIN_COLUMN}}pin  {step.pin}" if step.pin else f"  [ok] {step.sentence}")

    def listening(self, store: Store, identity: ServerIdentity, name: str, host: str, port: int) -> None:
        """Connections are taken; as long as no administrator has joined, by whose invite."""
        if self.as_json:
            print_json(ListeningLine(SCHEMA, host, port))
        else:
            _print_line(f"  [ok] listening on {host_and_port(host, port)} (TLS 1.3)")
        _invite_administrator(store, identity, name, port, self)

    def ready(self, host: str, port: int) -> None:
        """The server serves."""
        if self.as_json:
            print_json(ReadyLine(SCHEMA, host, port, os.getpid()))
        else:
            print_ready(host, port)

    def tell_invite(self, link: Link) -> None:
        """How the administrator joins, and the next person after him; as it can be pasted."""
        join = pasteable.join(link)
        next_invite = self._next_invite()
        if self.as_json:
            print_json(InviteLine(SCHEMA, link.format(), INVITE_HOURS, join, next_invite))
            return
        _print_line(f"  Administrator invite (works once, {INVITE_HOURS} h):")
        _print_line(f"      {join}")
        _print_line("  An invite for the next person:")
        _print_line(f"      {next_invite}")

    def tell_how_to_invite(self) -> None:
        """How the next person is invited, where somebody administers this server already."""
        if self.as_json:
            print_json(InvitingLine(SCHEMA, self._next_invite()))
        else:
            _print_line(f"  An invite for the next person: {self._next_invite()}")

    def _next_invite(self) -> str:
        return pasteable.administration(self.settings_file, "invite", "create")


def quickstart(sources: SettingsSources, *, as_json: bool, prepare_only: bool) -> int:
    """Prepare what is missing, then serve until Ctrl-C; returns the exit code. Raises `ChatError`."""
    if not prepare_only:
        _check_address(sources)
    prepared = prepare_installation(sources)
    voice = Voice(as_json, prepared.settings_file)
    for step in prepared.steps:
        voice.tell_step(step)
    if prepare_only:
        _invite_without_server(prepared, voice)
        return ExitCode.OK

    return serve(sources, voice)


def _check_address(sources: SettingsSources) -> None:
    """Before the first settings are written: nothing is left behind of a start on an address that is taken.

    Where there are settings the data directory's lock speaks first: mostly it is this server that runs already. Raises
    `AddressInUse`, `AddressUnusable`.
    """
    if sources.settings_file().exists():
        return
    address = first_settings(sources.load(may_be_missing=True)).listen
    for listener in listen(address.host, address.port):
        listener.close()


def _invite_without_server(prepared: PreparedInstallation, voice: Voice) -> None:
    """The invite for a server that something else will start; without a port that is known there is no link."""
    settings = prepared.settings
    if settings.listen.port == 0:
        return
    certificates = CertificateDirectory(settings.certificate_directory)
    identity = load_server_identity(certificates.server_certificate, certificates.log_key)
    store = Store.open(settings.data, now_ms=_now_ms())
    try:
        _invite_administrator(store, identity, settings.name, settings.listen.port, voice)
    finally:
        store.close()


def _invite_administrator(store: Store, identity: ServerIdentity, name: str, port: int, voice: Voice) -> None:
    """As long as no administrator has joined: the last unused invite ends, a new one is printed."""
    if store.has_administrator():
        voice.tell_how_to_invite()
        return
    token = secrets.token_bytes(INVITE_TOKEN_BYTES)
    now = _now_ms()
    invite = CreateInvite(
        token_hash=invite_token_hash(token),
        purpose="join",
        role=Role.ADMINISTRATOR,
        rooms=(),
        expires=now + INVITE_HOURS * MS_PER_HOUR,
        made_by=OPERATOR,
    )
    for outcome in store.commit([RevokeUnusedAdministratorInvites(), invite], now).outcomes:
        if isinstance(outcome, Refused):
            raise outcome.error
    voice.tell_invite(Link(name, port, identity.authority, log_pin(identity.log_public_key), token))


def _print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
