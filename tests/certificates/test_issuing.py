"""An authority and its certificates have the prescribed form, and the form can be rebuilt from 33 bytes."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from secure_chat.certificates.issuing import (
    Purpose,
    authority_certificate,
    check_authority_certificate,
    issue,
    make_key,
    names_of,
    trust_anchor,
)
from secure_chat.certificates.pins import (
    authority_name,
    authority_pin,
    authority_spki,
    format_pin,
    leaf_hash,
    log_pin,
    server_id,
)
from secure_chat.errors import CertificateError, HostInvalid
from secure_chat.limits import AUTHORITY_DAYS, CERTIFICATE_BACKDATE_SECONDS, MAX_CERTIFICATE_DAYS, MAX_CERTIFICATE_NAMES
from tests.certificates.impostors import NOW, Issuer, look_alike


@pytest.fixture(scope="module")
def authority() -> Issuer:
    return Issuer.make()


def test_an_authority_has_exactly_the_prescribed_subject_and_extensions(authority: Issuer) -> None:
    certificate = authority.certificate
    (attribute,) = certificate.subject
    assert attribute.oid == NameOID.COMMON_NAME
    shown = format_pin(authority_pin(authority.public_key)).replace("-", "")
    assert attribute.value == f"secure_chat authority {shown[:8]}"
    assert shown[:8].isupper() or shown[:8].isalnum()
    value = str(attribute.value).encode()
    assert bytes([0x0C, len(value)]) + value in certificate.subject.public_bytes()  # a UTF8String
    assert certificate.issuer == certificate.subject
    found = {type(extension.value): extension for extension in certificate.extensions}
    assert set(found) == {x509.BasicConstraints, x509.KeyUsage, x509.SubjectKeyIdentifier}
    assert found[x509.BasicConstraints].critical
    assert found[x509.BasicConstraints].value == x509.BasicConstraints(ca=True, path_length=None)
    assert found[x509.KeyUsage].critical
    assert found[x509.KeyUsage].value.public_bytes() == bytes.fromhex("03020204")  # keyCertSign alone
    assert found[x509.SubjectKeyIdentifier].value == x509.SubjectKeyIdentifier.from_public_key(
        authority.key.public_key()
    )
    assert certificate.signature_algorithm_oid == x509.SignatureAlgorithmOID.ECDSA_WITH_SHA256
    assert check_authority_certificate(certificate) == authority.public_key


def test_the_anchor_rebuilt_from_33_bytes_is_the_authority_in_all_that_verifiers_read(authority: Issuer) -> None:
    anchor = x509.load_der_x509_certificate(trust_anchor(authority.public_key))
    assert anchor.subject.public_bytes() == authority.certificate.subject.public_bytes()
    assert anchor.public_key() == authority.key.public_key()
    assert list(anchor.extensions) == list(authority.certificate.extensions)
    assert check_authority_certificate(anchor) == authority.public_key


def test_a_server_certificate_says_what_strict_verifiers_ask_for(authority: Issuer) -> None:
    certificate, key = authority.issue("Team.Example.org", "10.0.0.5", "2001:db8::5", "team.example.org", days=90)
    found = {type(extension.value): extension for extension in certificate.extensions}
    assert set(found) == {
        x509.BasicConstraints,
        x509.KeyUsage,
        x509.ExtendedKeyUsage,
        x509.SubjectAlternativeName,
        x509.SubjectKeyIdentifier,
        x509.AuthorityKeyIdentifier,
    }
    assert found[x509.BasicConstraints].critical
    assert found[x509.BasicConstraints].value == x509.BasicConstraints(ca=False, path_length=None)
    assert found[x509.KeyUsage].critical
    assert found[x509.KeyUsage].value.public_bytes() == bytes.fromhex("03020780")  # digitalSignature alone
    assert found[x509.ExtendedKeyUsage].value == x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    assert names_of(certificate) == ("team.example.org", "10.0.0.5", "2001:db8::5")
    assert certificate.issuer == authority.certificate.subject
    assert certificate.public_key() == key.public_key()
    assert isinstance(key.curve, ec.SECP256R1)
    certificate.verify_directly_issued_by(authority.certificate)


def test_a_certificate_begins_a_little_earlier_and_ends_after_its_days(authority: Issuer) -> None:
    certificate, _ = authority.issue("localhost", days=90)
    moment = NOW.replace(microsecond=0)
    assert certificate.not_valid_before_utc == moment - timedelta(seconds=CERTIFICATE_BACKDATE_SECONDS)
    assert certificate.not_valid_after_utc == moment + timedelta(days=90)


def test_an_authority_is_for_its_days(authority: Issuer) -> None:
    moment = NOW.replace(microsecond=0)
    assert authority.certificate.not_valid_after_utc == moment + timedelta(days=AUTHORITY_DAYS)


def test_serial_numbers_are_random(authority: Issuer) -> None:
    serials = {authority.issue("localhost")[0].serial_number for _ in range(20)}
    assert len(serials) == 20
    assert max(serials).bit_length() > 120


@pytest.mark.parametrize("days", [0, -1, MAX_CERTIFICATE_DAYS + 1])
def test_a_life_outside_the_limit_is_refused(authority: Issuer, days: int) -> None:
    with pytest.raises(CertificateError, match=str(MAX_CERTIFICATE_DAYS)):
        authority.issue("localhost", days=days)


def test_the_longest_life_and_the_most_names_are_allowed_and_no_more(authority: Issuer) -> None:
    names = [f"host{number}.example" for number in range(MAX_CERTIFICATE_NAMES)]
    certificate, _ = authority.issue(*names, days=MAX_CERTIFICATE_DAYS)
    assert len(names_of(certificate)) == MAX_CERTIFICATE_NAMES
    with pytest.raises(CertificateError, match=str(MAX_CERTIFICATE_NAMES)):
        authority.issue(*names, "one.more.example")
    with pytest.raises(CertificateError):
        authority.issue()


def test_a_name_that_is_none_gets_no_certificate(authority: Issuer) -> None:
    with pytest.raises(HostInvalid):
        authority.issue("localhost", "*.example.org")


def altered(
    key: ec.EllipticCurvePrivateKey, *, cn: str | None = None, path_length: int | None = None
) -> x509.Certificate:
    real = authority_certificate(key, NOW)
    subject = real.subject if cn is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    for extension in real.extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints):
            value = x509.BasicConstraints(ca=True, path_length=path_length)
        builder = builder.add_extension(value, critical=extension.critical)
    return builder.sign(key, SHA256())


def test_only_the_prescribed_form_is_an_authority(authority: Issuer) -> None:
    key = make_key()
    assert check_authority_certificate(altered(key)) == check_authority_certificate(authority_certificate(key, NOW))
    leaf, _ = authority.issue("localhost")
    for wrong in (
        altered(key, cn="secure_chat authority AAAAAAAA"),
        altered(key, path_length=0),
        look_alike(authority, same_identifier=False).certificate,
        leaf,
    ):
        with pytest.raises(CertificateError, match="not the certificate of an authority"):
            check_authority_certificate(wrong)


def test_a_key_of_another_kind_is_no_authority() -> None:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "secure_chat authority AAAAAAAA")])
    for key in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW)
            .not_valid_after(NOW + timedelta(days=1))
            .sign(key, SHA256())
        )
        with pytest.raises(CertificateError, match="P-256"):
            check_authority_certificate(certificate)


def test_a_servers_identity_is_that_of_its_first_authority_and_of_no_other(authority: Issuer) -> None:
    identity = server_id(authority.public_key)
    assert len(identity) == 32
    assert identity == server_id(authority.public_key)
    assert identity != server_id(Issuer.make().public_key)


def test_a_leafs_hash_is_sha_256_of_its_der(authority: Issuer) -> None:
    certificate, _ = authority.issue("localhost")
    assert leaf_hash(certificate.public_bytes(Encoding.DER)) == certificate.fingerprint(SHA256())


def test_a_log_key_of_another_length_has_no_pin() -> None:
    with pytest.raises(CertificateError):
        log_pin(bytes(31))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_the_openssl_command_computes_the_same_pin(authority: Issuer, tmp_path: Path) -> None:
    path = tmp_path / "authority.crt"
    path.write_bytes(authority.certificate.public_bytes(Encoding.PEM))
    public = subprocess.run(
        ["openssl", "x509", "-in", path, "-pubkey", "-noout"], capture_output=True, check=True, timeout=60
    ).stdout
    der = subprocess.run(
        ["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True, timeout=60
    ).stdout
    digest = subprocess.run(
        ["openssl", "dgst", "-sha256", "-binary"], input=der, capture_output=True, check=True, timeout=60
    ).stdout
    assert der == authority_spki(authority.public_key)
    assert digest[:16] == authority_pin(authority.public_key)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")
def test_the_openssl_command_verifies_a_certificate_strictly_under_the_rebuilt_anchor(
    authority: Issuer, tmp_path: Path
) -> None:
    anchor, leaf = tmp_path / "anchor.crt", tmp_path / "leaf.crt"
    rebuilt = x509.load_der_x509_certificate(trust_anchor(authority.public_key))
    anchor.write_bytes(rebuilt.public_bytes(Encoding.PEM))
    leaf.write_bytes(authority.issue("localhost")[0].public_bytes(Encoding.PEM))
    verify = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", str(anchor), str(leaf)]
    assert subprocess.run(verify, capture_output=True, check=False, timeout=60).returncode == 0


def test_the_subject_of_an_authority_is_made_from_its_own_key(authority: Issuer) -> None:
    other = Issuer.make()
    assert authority_name(authority.public_key) != authority_name(other.public_key)
    spki = authority.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert spki == authority_spki(authority.public_key)


def test_certificates_are_issued_for_one_purpose_alone(authority: Issuer) -> None:
    key = make_key()
    certificate = issue(authority.key, key.public_key(), Purpose.CLIENT, ["alice-laptop"], 1, NOW)
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
