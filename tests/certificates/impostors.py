"""Certificates as an attacker, a careless operator or another authority would make them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_chat.certificates.issuing import Purpose, authority_certificate, issue, make_key
from secure_chat.certificates.pins import compress

NOW = datetime.now(UTC)


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


@dataclass(frozen=True)
class Issuer:
    """An authority of this project, real or pretended."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def make(cls) -> "Issuer":
        key = make_key()
        return cls(key, authority_certificate(key, NOW))

    @property
    def public_key(self) -> bytes:
        return compress(self.key.public_key())

    def issue(
        self,
        *names: str,
        purpose: Purpose = Purpose.SERVER,
        now: datetime = NOW,
        days: int = 1,
    ) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        """A certificate as the product issues it, and its key."""
        key = make_key()
        return issue(self.key, key.public_key(), purpose, names, days, now), key


def look_alike(real: Issuer, *, same_identifier: bool) -> Issuer:
    """Another key under the real authority's name, and perhaps under its key identifier as well."""
    key = make_key()
    identified = real.key.public_key() if same_identifier else key.public_key()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(real.certificate.subject)
        .issuer_name(real.certificate.subject)
        .public_key(key.public_key())
        .serial_number(real.certificate.serial_number)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(signing_usage(key_cert_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(identified), critical=False)
        .sign(key, SHA256())
    )
    return Issuer(key, certificate)


def leaf_under(
    issuer: Issuer,
    *names: str,
    identifier_of: ec.EllipticCurvePublicKey | None = None,
    common_name: str = "secure_chat server",
    life: tuple[timedelta, timedelta] = (timedelta(minutes=-5), timedelta(days=1)),
    without_identifier: bool = False,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A server's certificate put together by hand: `identifier_of` is the key that it claims to be issued by."""
    key = make_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + life[0])
        .not_valid_after(NOW + life[1])
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(signing_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(each) for each in names])
        builder = builder.add_extension(alternatives, critical=False)
    if not without_identifier:
        claimed = x509.AuthorityKeyIdentifier.from_issuer_public_key(identifier_of or issuer.key.public_key())
        builder = builder.add_extension(claimed, critical=False)
    return builder.sign(issuer.key, SHA256()), key


def signing_usage(*, digital_signature: bool = False, key_cert_sign: bool = False) -> x509.KeyUsage:
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


@dataclass(frozen=True)
class Files:
    """A chain and its key, as a server reads them."""

    certificate: Path
    key: Path


def write(
    directory: Path, key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate, passphrase: bytes | None = None
) -> Files:
    """Write a chain and the key of its first certificate, as an operator would leave them."""
    files = Files(directory / "server.crt", directory / "server.key")
    files.certificate.write_bytes(b"".join(each.public_bytes(Encoding.PEM) for each in chain))
    files.key.touch(mode=0o600)
    lock: KeySerializationEncryption = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    return files
