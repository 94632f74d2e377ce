"""What `verify` checks: every file's form, its permissions, and a whole handshake under every name."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from secure_chat.certificates.contexts import rehearse
from secure_chat.certificates.files import exists, read_private
from secure_chat.certificates.issuing import check_authority_certificate, names_of
from secure_chat.certificates.store import (
    CertificateDirectory,
    check_issued_by,
    load_authority,
    load_certificates,
    load_log_key,
    load_private_key,
)
from secure_chat.errors import CertificateError, CertificateMissing, ChatError, TlsTimeError
from secure_chat.limits import CERTIFICATE_WARNING_DAYS
from secure_chat.sanitize import one_line
from secure_chat_tools.certs.facts import CheckFact


@dataclass(frozen=True, slots=True)
class Checked:
    """The line for one check, and the error that made it fail."""

    fact: CheckFact
    error: ChatError | None = None


def check_all(directory: CertificateDirectory, now: datetime) -> Iterator[Checked]:
    """Every check in the order in which one would mend what fails."""
    yield _check("the authority's certificate has the prescribed form", partial(_authority_form, directory))
    yield _check("the authority's private key fits and is private", partial(_authority_key, directory))
    yield _check("the key log's signing key is there and private", partial(_log_key, directory))
    yield _check("the server's certificate comes from the authority", partial(_server_chain, directory))
    yield _check("the server's private key fits and is private", partial(_server_key, directory))
    yield _check("the server's certificate is of its time", partial(_server_time, directory, now))
    for name in _names(directory):
        shown = one_line(name)
        yield _check(f"a client that asks for {shown} is let in", partial(_handshake, directory, name, now))
    for path in sorted(directory.path.glob("*/*.key")):
        if path != directory.authority_key:
            yield _check(f"{path.relative_to(directory.path)} is private", partial(_private, path))


def _check(what: str, check: Callable[[], str]) -> Checked:
    """Run a check, which returns a warning or nothing."""
    try:
        warning = check()
    except ChatError as error:
        failed = CheckFact(what=what, state="failed", reason=error.sentence, next_step=error.next_step, code=error.code)
        return Checked(failed, error)
    return Checked(CheckFact(what=what, state="warning" if warning else "ok", reason=warning))


def _authority_form(directory: CertificateDirectory) -> str:
    certificate = load_certificates(directory.authority_certificate)[0]
    check_authority_certificate(certificate)
    check_issued_by(certificate, certificate)
    return ""


def _authority_key(directory: CertificateDirectory) -> str:
    if not exists(directory.authority_key):
        return "It is not here. The server does not need it; issuing does."
    load_authority(directory)
    return ""


def _log_key(directory: CertificateDirectory) -> str:
    load_log_key(directory.log_key)
    return ""


def _server_chain(directory: CertificateDirectory) -> str:
    chain = load_certificates(directory.server_certificate)
    authority = load_certificates(directory.authority_certificate)[0]
    if chain[1:] != [authority]:
        raise CertificateError(
            f"{directory.server_certificate} does not hold the server's certificate and then the authority's.",
            hint="issue it again: secure-chat-certs issue server",
        )
    check_issued_by(chain[0], authority)
    return ""


def _server_key(directory: CertificateDirectory) -> str:
    key = load_private_key(directory.server_key)
    certificate = load_certificates(directory.server_certificate)[0]
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise CertificateError(
            f"{directory.server_key} is not the key of {directory.server_certificate}.",
            hint="issue both again: secure-chat-certs issue server",
        )
    return ""


def _server_time(directory: CertificateDirectory, now: datetime) -> str:
    certificate = load_certificates(directory.server_certificate)[0]
    days = (certificate.not_valid_after_utc - now).days
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise TlsTimeError(
            f"It is for {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}.",
            hint="is the clock right? Issue it again: secure-chat-certs issue server",
        )
    return f"It ends in {days} days: secure-chat-certs issue server" if days < CERTIFICATE_WARNING_DAYS else ""


def _handshake(directory: CertificateDirectory, name: str, now: datetime) -> str:
    authority = check_authority_certificate(load_certificates(directory.authority_certificate)[0])
    rehearse(directory.server_certificate, directory.server_key, authority, name, now.astimezone())
    return ""


def _private(path: Path) -> str:
    read_private(path)
    return ""


def _names(directory: CertificateDirectory) -> tuple[str, ...]:
    try:
        return names_of(load_certificates(directory.server_certificate)[0])
    except (CertificateError, CertificateMissing):
        return ()  # said by the checks before
