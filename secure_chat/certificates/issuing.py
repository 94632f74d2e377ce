"""Make an authority, issue certificates under it, rebuild its trust anchor from 33 bytes.

PROTOCOL.md 2.1: P-256 throughout; subject and extensions are fixed, so that an authority's certificate
can be rebuilt from its key. Strict verification (RFC 5280) wants every extension that is set here.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from ipaddress import ip_address
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_chat.certificates.hosts import canonical_host, is_address
from secure_chat.certificates.pins import authority_key, authority_name, compress
from secure_chat.errors import CertificateError
from secure_chat.limits import (
    AUTHORITY_DAYS,
    CERTIFICATE_BACKDATE_SECONDS,
    MAX_CERTIFICATE_DAYS,
    MAX_CERTIFICATE_NAMES,
)

# An anchor says nothing about time: a client's clock judges the server's certificate, and nothing else.
_ANCHOR_BEGINS: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ANCHOR_ENDS: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # "no well-defined end", RFC 5280, 4.1.2.5


class Purpose(Enum):
    """What a certificate may be used for, and nothing else."""

    SERVER = "server"
    CLIENT = "client"


_USAGE: Final = {
    Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
    Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
}


def make_key() -> ec.EllipticCurvePrivateKey:
    """A new private key of P-256, from the system's randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def authority_certificate(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    """The self-signed certificate of the authority whose private key is `key`."""
    ends = now + timedelta(days=AUTHORITY_DAYS)
    return _authority(key.public_key(), _begins(now), ends).sign(key, SHA256())


def trust_anchor(authority: bytes) -> bytes:
    """The DER certificate by which a verifier trusts `authority`, 33 bytes; raises `CertificateError` for no point.

    Verifiers do not check an anchor's own signature (RFC 5280, 6.1.1 d: name and key are what counts), so a key that is
    forgotten at once makes one.
    """
    builder = _authority(authority_key(authority), _ANCHOR_BEGINS, _ANCHOR_ENDS)
    return builder.sign(make_key(), SHA256()).public_bytes(Encoding.DER)


def issue(
    authority: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePublicKey,
    purpose: Purpose,
    names: Sequence[str],
    days: int,
    now: datetime,
) -> x509.Certificate:
    """A certificate for `key`, signed by the authority, from a few minutes ago until `days` from `now`.

    `names` are host names and addresses, each in the canonical form afterwards, in the order given and once.
    Raises `HostInvalid` for what is no name, `CertificateError` for none, too many, or a life that is too long.
    """
    if not 1 <= days <= MAX_CERTIFICATE_DAYS:
        raise CertificateError(f"A certificate is for 1 to {MAX_CERTIFICATE_DAYS} days, not {days}.")
    hosts = list(dict.fromkeys(canonical_host(name) for name in names))
    if not 1 <= len(hosts) <= MAX_CERTIFICATE_NAMES:
        raise CertificateError(f"A certificate is for 1 to {MAX_CERTIFICATE_NAMES} names, not {len(hosts)}.")
    issuer = authority.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(_common_name(f"secure_chat {purpose.value}"))
        .issuer_name(_common_name(authority_name(compress(issuer))))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_begins(now))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([_USAGE[purpose]]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), critical=False)
        .sign(authority, SHA256())
    )


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The host names and addresses that a certificate is for, in its order."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


def check_authority_certificate(certificate: x509.Certificate) -> bytes:
    """The 33 bytes of the authority whose certificate this is.

    Raises `CertificateError` unless subject, issuer and extensions are exactly those that `trust_anchor` rebuilds.
    """
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CertificateError("This authority's key is not of P-256.")
    authority = compress(key)
    anchor = x509.load_der_x509_certificate(trust_anchor(authority))
    try:
        alike = _prescribed(certificate) == _prescribed(anchor)
    except ValueError as error:
        raise CertificateError("This authority's certificate cannot be read.") from error
    if not alike:
        raise CertificateError("This is not the certificate of an authority of secure_chat.")
    return authority


def _authority(key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
    name = _common_name(authority_name(compress(key)))
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_key_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _prescribed(certificate: x509.Certificate) -> tuple[bytes, bytes, tuple[x509.Extension[x509.ExtensionType], ...]]:
    return certificate.subject.public_bytes(), certificate.issuer.public_bytes(), tuple(certificate.extensions)


def _begins(now: datetime) -> datetime:
    return now - timedelta(seconds=CERTIFICATE_BACKDATE_SECONDS)


def _common_name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # written as UTF8String


def _general_name(host: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(host)) if is_address(host) else x509.DNSName(host)


def _key_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
