"""Where keys and certificates lie: one directory, made piece by piece, nothing ever overwritten.

authority/authority.key   the authority's private key; the server does not need it: it may be kept elsewhere
authority.crt             its certificate
server.crt, server.key    the server's certificate, followed by the authority's; its private key
log.key                   the key log's signing key, made with the first authority
clients/                  certificates and keys of clients
retired/                  what the server had before
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from secure_chat.certificates.files import (
    PRIVATE_FILE_MODE,
    PUBLIC_FILE_MODE,
    changing,
    exists,
    keep,
    make_private_directory,
    read_private,
    read_public,
    replace,
    write_new,
)
from secure_chat.certificates.hosts import canonical_host
from secure_chat.certificates.issuing import (
    Purpose,
    authority_certificate,
    check_authority_certificate,
    issue,
    make_key,
    names_of,
)
from secure_chat.certificates.pins import leaf_hash, server_id
from secure_chat.errors import CertificateError, CertificateExists, CertificateMissing
from secure_chat.limits import CERTIFICATE_DAYS


@dataclass(frozen=True, slots=True)
class CertificateDirectory:
    """The names of everything in a directory of certificates."""

    path: Path

    @property
    def authority_key(self) -> Path:
        """The authority's private key, in a directory of its own."""
        return self.path / "authority" / "authority.key"

    @property
    def authority_certificate(self) -> Path:
        """The authority's certificate."""
        return self.path / "authority.crt"

    @property
    def server_certificate(self) -> Path:
        """The server's chain: its own certificate, then the authority's."""
        return self.path / "server.crt"

    @property
    def server_key(self) -> Path:
        """The server's private key."""
        return self.path / "server.key"

    @property
    def log_key(self) -> Path:
        """The key log's signing key."""
        return self.path / "log.key"

    @property
    def clients(self) -> Path:
        """Certificates and keys of clients, two files each."""
        return self.path / "clients"

    @property
    def retired(self) -> Path:
        """Certificates and keys that the server had before."""
        return self.path / "retired"

    def has_authority(self) -> bool:
        """Whether an authority was made: its certificate is here, or a server's from one that is kept elsewhere."""
        return exists(self.authority_certificate) or exists(self.server_certificate)


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority that can sign: private key, certificate, and the 33 bytes by which it is known."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    public_key: bytes


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Who a server is to its clients: all of it public."""

    authority: bytes  # 33: what links carry
    server_id: bytes  # 32
    leaf: bytes = field(repr=False)  # DER of the server's own certificate
    leaf_hash: bytes  # 32: what login signatures bind
    log_public_key: bytes  # 32
    names: tuple[str, ...]
    ends: datetime


@dataclass(frozen=True, slots=True)
class Prepared:
    """What `prepare` leaves behind, and which parts of it are new."""

    identity: ServerIdentity
    authority_made: bool
    log_key_made: bool
    server_certificate_made: bool


def prepare(directory: CertificateDirectory, names: Sequence[str], now: datetime) -> Prepared:
    """Make what is missing for a server that is called `names`; what is there stays as it is.

    A run that was cut short is continued. Raises `CertificateError`: also when the key log's key is gone while its
    authority exists, for a new one would look to every client like an attack.
    """
    authority_made = not directory.has_authority()
    log_key_made = authority_made and not exists(directory.log_key)
    if authority_made:
        make_authority(directory, now)
    certificate_made = not exists(directory.server_certificate)
    if certificate_made:
        issue_server(directory, names, CERTIFICATE_DAYS, now)
    identity = load_server_identity(directory.server_certificate, directory.log_key)
    return Prepared(identity, authority_made, log_key_made, certificate_made)


def make_authority(directory: CertificateDirectory, now: datetime) -> bytes:
    """Make the log's signing key and the first authority; return the authority's 33 bytes.

    The authority's certificate is written last: until it is there, a run that was cut short can be repeated.
    Raises `CertificateExists` when there is an authority.
    """
    make_private_directory(directory.path)
    with changing(directory.path):
        if directory.has_authority():
            raise CertificateExists(
                f"There is an authority in {directory.path} already; nothing was changed.",
                hint="see it: secure-chat-certs show",
            )
        make_private_directory(directory.authority_key.parent)
        if not exists(directory.log_key):
            write_new(directory.log_key, _pem(ed25519.Ed25519PrivateKey.generate()), PRIVATE_FILE_MODE)
        if not exists(directory.authority_key):
            write_new(directory.authority_key, _pem(make_key()), PRIVATE_FILE_MODE)
        certificate = authority_certificate(_load_p256(directory.authority_key), now)
        write_new(directory.authority_certificate, certificate.public_bytes(Encoding.PEM), PUBLIC_FILE_MODE)
    return check_authority_certificate(certificate)


def issue_server(directory: CertificateDirectory, names: Sequence[str], days: int, now: datetime) -> x509.Certificate:
    """Issue the server's certificate, with a new key; what was there before moves to `retired`, under its serial.

    Each file changes whole. A server that reads between the two changes finds that they do not belong together, and
    stays with what it has. Raises `CertificateError` or `HostInvalid` before anything has changed.
    """
    authority = load_authority(directory)
    key = make_key()
    certificate = issue(authority.key, key.public_key(), Purpose.SERVER, names, days, now)
    with changing(directory.path):
        before = _name_of_present(directory)
        keep(directory.server_key, directory.retired, before)
        keep(directory.server_certificate, directory.retired, before)
        replace(directory.server_key, _pem(key), PRIVATE_FILE_MODE)
        replace(directory.server_certificate, _chain(certificate, authority), PUBLIC_FILE_MODE)
    return certificate


def issue_client(
    directory: CertificateDirectory, names: Sequence[str], days: int, now: datetime
) -> tuple[x509.Certificate, Path]:
    """Issue a client's certificate and key; return it and its file, which is named after the first of `names`.

    Raises `CertificateExists` when a client of this name has one.
    """
    authority = load_authority(directory)
    key = make_key()
    certificate = issue(authority.key, key.public_key(), Purpose.CLIENT, names, days, now)
    path = directory.clients / f"{canonical_host(names[0])}.crt"
    make_private_directory(directory.clients)
    with changing(directory.path):
        if exists(path):
            raise CertificateExists(f"{path} exists; nothing was overwritten.", hint="give another first --san")
        write_new(path.with_name(f"{path.stem}.key"), _pem(key), PRIVATE_FILE_MODE)
        write_new(path, _chain(certificate, authority), PUBLIC_FILE_MODE)
    return certificate, path


def load_authority(directory: CertificateDirectory) -> Authority:
    """The authority with its private key; raises `CertificateError` when they do not belong together."""
    certificate = load_certificates(directory.authority_certificate)[0]
    public_key = check_authority_certificate(certificate)
    key = _load_p256(directory.authority_key)
    if key.public_key() != certificate.public_key():
        raise CertificateError(
            f"{directory.authority_key} is not the key of {directory.authority_certificate}.",
            hint="restore both from one backup",
        )
    return Authority(key, certificate, public_key)


def load_server_identity(certificate: Path, log_key: Path) -> ServerIdentity:
    """What a server says of itself, from its chain and the log's key.

    Raises `CertificateError` unless the chain is a certificate and its authority's. The authority in it is the first
    one: none has been replaced as long as there is no cross-certificate.
    """
    chain = load_certificates(certificate)
    if len(chain) != 2:
        raise CertificateError(f"{certificate} holds {len(chain)} certificates, not the server's and its authority's.")
    leaf, issuer = chain
    authority = check_authority_certificate(issuer)
    check_issued_by(leaf, issuer)
    der = leaf.public_bytes(Encoding.DER)
    return ServerIdentity(
        authority=authority,
        server_id=server_id(authority),
        leaf=der,
        leaf_hash=leaf_hash(der),
        log_public_key=load_log_key(log_key).public_key().public_bytes_raw(),
        names=names_of(leaf),
        ends=leaf.not_valid_after_utc,
    )


def load_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file, one at least."""
    try:
        return x509.load_pem_x509_certificates(read_public(path))
    except ValueError as error:
        raise CertificateError(f"{path} is not a certificate in PEM.") from error


def load_log_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """The key log's signing key."""
    try:
        key = load_private_key(path)
    except CertificateMissing as error:
        raise CertificateMissing(
            f"The key log's signing key is gone: {path}.",
            hint="restore it from a backup: a new one would look to every client like an attack",
        ) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise CertificateError(f"{path} is not an Ed25519 key.")
    return key


def load_private_key(path: Path) -> PrivateKeyTypes:
    """A private key in PEM without a passphrase, from a file that only its owner can use."""
    try:
        return load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError(f"{path} is not a private key in PEM without a passphrase.") from error


def check_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> None:
    """Check that `issuer` is named in the certificate and signed it. Raises `CertificateError`."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise CertificateError("The server's certificate was not issued by the authority that follows it.") from error


def _load_p256(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_private_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError(f"{path} is not a key of P-256.")
    return key


def _name_of_present(directory: CertificateDirectory) -> str:
    """What the server's present files are called once they are retired."""
    if not exists(directory.server_certificate):
        return "server-unused"
    return f"server-{load_certificates(directory.server_certificate)[0].serial_number:040x}"


def _chain(certificate: x509.Certificate, authority: Authority) -> bytes:
    return certificate.public_bytes(Encoding.PEM) + authority.certificate.public_bytes(Encoding.PEM)


def _pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
