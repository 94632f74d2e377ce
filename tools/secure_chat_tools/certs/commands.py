"""What each command of secure-chat-certs does; what it finds and makes comes out as facts, one after another."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from secure_chat.certificates.files import exists
from secure_chat.certificates.issuing import check_authority_certificate, names_of
from secure_chat.certificates.store import (
    CertificateDirectory,
    issue_client,
    issue_server,
    load_certificates,
    load_log_key,
    make_authority,
)
from secure_chat.errors import CertificateError, CertificateMissing, ChatError
from secure_chat_tools.certs.arguments import Arguments
from secure_chat_tools.certs.checks import check_all
from secure_chat_tools.certs.facts import AnyFact, AuthorityFact, CertificateFact, LogFact


@dataclass(slots=True)
class Run:
    """One run of a command: facts come while it goes on, advice and the first failed check are there at its end."""

    arguments: Arguments
    now: datetime
    advice: list[str] = field(default_factory=list)
    failure: ChatError | None = None

    @property
    def directory(self) -> CertificateDirectory:
        """Where the files lie."""
        return CertificateDirectory(self.arguments.directory)

    def facts(self) -> Iterator[AnyFact]:
        """Do what was asked. Raises `ChatError`."""
        match self.arguments.command:
            case "init":
                return self._init()
            case "issue":
                return self._issue_server() if self.arguments.purpose == "server" else self._issue_client()
            case "show":
                return self._show()
            case "pin":
                return self._pins()
            case _:
                return self._verify()

    def _init(self) -> Iterator[AnyFact]:
        log_key_made = not exists(self.directory.log_key)
        authority = make_authority(self.directory, self.now)
        yield AuthorityFact.of(authority, made=True)
        yield LogFact.of(load_log_key(self.directory.log_key).public_key().public_bytes_raw(), made=log_key_made)
        self.advice.append(
            f"The authority's key is {self.directory.authority_key}. The server does not need it: keep it elsewhere."
        )
        self.advice.append(f"Keep a copy of {self.directory.log_key}: it cannot be replaced unnoticed.")
        self.advice.append("Next: secure-chat-certs issue server --san team.example.org")

    def _issue_server(self) -> Iterator[AnyFact]:
        names = dict.fromkeys(self.arguments.names)
        had_one = exists(self.directory.server_certificate)
        if had_one and not self.arguments.only:
            present = names_of(load_certificates(self.directory.server_certificate)[0])
            names = dict.fromkeys([*present, *names])
        if not names:
            raise CertificateError(
                "No name was given for the server.", hint="secure-chat-certs issue server --san team.example.org"
            )
        certificate = issue_server(self.directory, tuple(names), self.arguments.days, self.now)
        file = self.directory.server_certificate
        yield CertificateFact.of(certificate, "server", file, self.now, made=True)
        if had_one:
            self.advice.append(f"The one before is kept in {self.directory.retired}.")
            self.advice.append("A server that runs takes the new one over by: secure-chat-server reload")

    def _issue_client(self) -> Iterator[AnyFact]:
        if not self.arguments.names:
            raise CertificateError(
                "No name was given for the client.", hint="secure-chat-certs issue client --san alice-laptop"
            )
        certificate, file = issue_client(self.directory, self.arguments.names, self.arguments.days, self.now)
        yield CertificateFact.of(certificate, "client", file, self.now, made=True)

    def _show(self) -> Iterator[AnyFact]:
        yield from self._pins()
        if exists(self.directory.server_certificate):
            file = self.directory.server_certificate
            yield CertificateFact.of(load_certificates(file)[0], "server", file, self.now)
        else:
            self.advice.append("No server's certificate yet: secure-chat-certs issue server --san team.example.org")
        for file in sorted(self.directory.clients.glob("*.crt")):
            yield CertificateFact.of(load_certificates(file)[0], "client", file, self.now)

    def _pins(self) -> Iterator[AnyFact]:
        yield AuthorityFact.of(self._authority())
        yield LogFact.of(load_log_key(self.directory.log_key).public_key().public_bytes_raw())

    def _authority(self) -> bytes:
        """The authority's key, from its certificate or, where that is kept elsewhere, from the server's chain."""
        if not self.directory.has_authority():
            raise CertificateMissing(
                f"There is no authority in {self.directory.path}.", hint="make one: secure-chat-certs init"
            )
        if exists(self.directory.authority_certificate):
            return check_authority_certificate(load_certificates(self.directory.authority_certificate)[0])
        return check_authority_certificate(load_certificates(self.directory.server_certificate)[-1])

    def _verify(self) -> Iterator[AnyFact]:
        self._authority()
        for checked in check_all(self.directory, self.now):
            yield checked.fact
            self.failure = self.failure or checked.error
