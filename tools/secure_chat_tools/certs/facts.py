"""What secure-chat-certs can tell: one type for each kind of line, as text for people and as JSON for programs."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from secure_chat.certificates.issuing import names_of
from secure_chat.certificates.pins import authority_name, authority_pin, format_pin, log_pin, server_id
from secure_chat.encoding import encode_base64url
from secure_chat.sanitize import one_line
from secure_chat_tools.screen import Fact


class AuthorityFact(Fact, frozen=True, tag="authority", kw_only=True):
    """The authority: what people compare, and what links carry."""

    pin: str
    name: str
    public_key: str  # base64url of 33 bytes
    server_id: str  # hexadecimal, 32 bytes
    made: bool = False

    @classmethod
    def of(cls, authority: bytes, *, made: bool = False) -> "AuthorityFact":
        """From the 33 bytes of its public key."""
        return cls(
            pin=format_pin(authority_pin(authority)),
            name=authority_name(authority),
            public_key=encode_base64url(authority),
            server_id=server_id(authority).hex(),
            made=made,
        )


class LogFact(Fact, frozen=True, tag="log", kw_only=True):
    """The key log's signing key, its public half."""

    pin: str
    public_key: str  # base64url of 32 bytes
    made: bool = False

    @classmethod
    def of(cls, public_key: bytes, *, made: bool = False) -> "LogFact":
        """From the 32 bytes of its public key."""
        return cls(pin=format_pin(log_pin(public_key)), public_key=encode_base64url(public_key), made=made)


class CertificateFact(Fact, frozen=True, tag="certificate", kw_only=True):
    """A certificate under the authority."""

    purpose: Literal["server", "client"]
    names: tuple[str, ...]
    serial: str  # hexadecimal
    fingerprint: str  # SHA-256 of the DER, hexadecimal
    begins: datetime
    ends: datetime
    days_left: int  # begun days count; 0 or less: it has ended
    file: str
    made: bool = False

    @classmethod
    def of(
        cls,
        certificate: x509.Certificate,
        purpose: Literal["server", "client"],
        file: Path,
        now: datetime,
        *,
        made: bool = False,
    ) -> "CertificateFact":
        """From the certificate itself; its names may be anybody's and are made safe to show."""
        return cls(
            purpose=purpose,
            names=tuple(one_line(name) for name in names_of(certificate)),
            serial=f"{certificate.serial_number:x}",
            fingerprint=certificate.fingerprint(SHA256()).hex(),
            begins=certificate.not_valid_before_utc,
            ends=certificate.not_valid_after_utc,
            days_left=-((now - certificate.not_valid_after_utc) // timedelta(days=1)),
            file=str(file),
            made=made,
        )


class CheckFact(Fact, frozen=True, tag="check", kw_only=True):
    """One check of `verify`: passed, passed with a warning, or failed with a code."""

    what: str
    state: Literal["ok", "warning", "failed"]
    reason: str = ""
    next_step: str = ""
    code: str = ""


AnyFact: TypeAlias = AuthorityFact | LogFact | CertificateFact | CheckFact
