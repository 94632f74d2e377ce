"""Only the server of the link gets a connection; every other one is refused, named, and told nothing."""

import socket
import ssl
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from secure_chat.certificates.contexts import (
    ALPN,
    client_context,
    explain_tls_error,
    rehearse,
    require_alpn,
    server_context,
)
from secure_chat.certificates.issuing import Purpose, authority_certificate, make_key
from secure_chat.certificates.pins import authority_pin, format_pin
from secure_chat.errors import (
    CertificateError,
    CertificateExposed,
    CertificateMissing,
    TlsError,
    TlsNameError,
    TlsPinError,
    TlsTimeError,
)
from tests.certificates.handshakes import wire
from tests.certificates.impostors import NOW, Files, Issuer, leaf_under, look_alike, write

HOST = "team.example.org"
DAY = timedelta(days=1)

Presented = tuple[ec.EllipticCurvePrivateKey, list[x509.Certificate]]


@pytest.fixture(scope="module")
def authority() -> Issuer:
    return Issuer.make()


@pytest.fixture
def files(tmp_path: Path, authority: Issuer) -> Files:
    certificate, key = authority.issue(HOST, "10.0.0.5", "2001:db8::5")
    return write(tmp_path, key, certificate, authority.certificate)


# --- the right server ----------------------------------------------------------------------------


@pytest.mark.parametrize("host", [HOST, "10.0.0.5", "2001:db8::5"])
def test_the_server_of_the_link_is_accepted_under_each_of_its_names(files: Files, authority: Issuer, host: str) -> None:
    rehearse(files.certificate, files.key, authority.public_key, host, NOW)


def test_a_chain_without_the_authority_in_it_is_accepted_as_well(tmp_path: Path, authority: Issuer) -> None:
    certificate, key = authority.issue(HOST)
    alone = write(tmp_path, key, certificate)
    rehearse(alone.certificate, alone.key, authority.public_key, HOST, NOW)


def test_over_sockets_both_sides_speak_tls_1_3_and_this_protocol(files: Files, authority: Issuer) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    served: list[tuple[str | None, str | None, bytes]] = []

    def serve() -> None:
        plain, _ = listener.accept()
        with server_context(files.certificate, files.key).wrap_socket(plain, server_side=True) as tls:
            served.append((tls.version(), tls.selected_alpn_protocol(), tls.recv(100)))

    thread = threading.Thread(target=serve)
    thread.start()
    with (
        listener,
        socket.create_connection(listener.getsockname(), timeout=60) as plain,
        client_context(authority.public_key).wrap_socket(plain, server_hostname=HOST) as tls,
    ):
        require_alpn(tls)
        tls.sendall(b"hello")
        thread.join(60)
    assert served == [("TLSv1.3", ALPN, b"hello")]


# --- every other server --------------------------------------------------------------------------


def another_authority(_real: Issuer) -> Presented:
    other = Issuer.make()
    certificate, key = other.issue(HOST)
    return key, [certificate, other.certificate]


def the_real_authority_behind_a_foreign_certificate(real: Issuer) -> Presented:
    certificate, key = Issuer.make().issue(HOST)
    return key, [certificate, real.certificate]


def a_look_alike(real: Issuer) -> Presented:
    other = look_alike(real, same_identifier=False)
    certificate, key = leaf_under(other, HOST)
    return key, [certificate, other.certificate]


def a_look_alike_with_the_real_key_identifier(real: Issuer) -> Presented:
    other = look_alike(real, same_identifier=True)
    certificate, key = leaf_under(other, HOST, identifier_of=real.key.public_key())
    return key, [certificate, other.certificate]


def a_look_alikes_certificate_alone(real: Issuer) -> Presented:
    other = look_alike(real, same_identifier=True)
    certificate, key = leaf_under(other, HOST, identifier_of=real.key.public_key())
    return key, [certificate]


def a_look_alikes_certificate_that_has_ended(real: Issuer) -> Presented:
    other = look_alike(real, same_identifier=True)
    certificate, key = leaf_under(other, HOST, identifier_of=real.key.public_key(), life=(-2 * DAY, -DAY))
    return key, [certificate, other.certificate]


def a_self_signed_certificate(_real: Issuer) -> Presented:
    own = Issuer.make()
    return own.key, [own.certificate]


def a_certificate_issued_by_the_servers_own(real: Issuer) -> Presented:
    certificate, key = real.issue(HOST)
    below, below_key = leaf_under(Issuer(key, certificate), HOST)
    return below_key, [below, certificate, real.certificate]


@pytest.mark.negative(56)
@pytest.mark.parametrize(
    "impostor",
    [
        another_authority,
        the_real_authority_behind_a_foreign_certificate,
        a_look_alike,
        a_look_alike_with_the_real_key_identifier,
        a_look_alikes_certificate_alone,
        a_look_alikes_certificate_that_has_ended,
        a_self_signed_certificate,
        a_certificate_issued_by_the_servers_own,
    ],
)
@pytest.mark.negative(56)
def test_another_authority_is_not_the_server_of_the_link(
    impostor: Callable[[Issuer], Presented], tmp_path: Path, authority: Issuer
) -> None:
    key, chain = impostor(authority)
    presented = write(tmp_path, key, *chain)
    with pytest.raises(TlsPinError) as refusal:
        rehearse(presented.certificate, presented.key, authority.public_key, HOST, NOW)
    assert format_pin(authority_pin(authority.public_key)) in str(refusal.value)
    assert "Nothing was sent." in str(refusal.value)


def test_an_authority_of_the_web_is_not_the_server_of_the_link(authority: Issuer) -> None:
    web = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    web.set_alpn_protocols([ALPN])
    trustme.CA().issue_cert(HOST).configure_cert(web)
    between = wire(client_context(authority.public_key), web, HOST)
    with pytest.raises(ssl.SSLCertVerificationError) as refusal:
        between.shake()
    error = explain_tls_error(refusal.value, host=HOST, authority=authority.public_key, now=NOW)
    assert isinstance(error, TlsPinError)


@pytest.mark.negative(56)
@pytest.mark.parametrize("host", ["other.example.org", "10.0.0.6", "2001:db8::6", "example.org", "a.team.example.org"])
@pytest.mark.negative(56)
def test_the_right_server_under_a_name_that_is_not_its_own_is_refused(
    files: Files, authority: Issuer, host: str
) -> None:
    with pytest.raises(TlsNameError) as refusal:
        rehearse(files.certificate, files.key, authority.public_key, host, NOW)
    assert host in str(refusal.value)
    assert f"secure-chat-certs issue server --san {host}" in refusal.value.next_step


def test_a_name_that_stands_only_in_the_subject_does_not_count(tmp_path: Path, authority: Issuer) -> None:
    certificate, key = leaf_under(authority, common_name=HOST)
    nameless = write(tmp_path, key, certificate, authority.certificate)
    with pytest.raises(TlsNameError):
        rehearse(nameless.certificate, nameless.key, authority.public_key, HOST, NOW)


@pytest.mark.negative(56)
@pytest.mark.parametrize(
    "life", [(-2 * DAY, -DAY), (DAY, 2 * DAY)], ids=["a certificate that has ended", "one that has not begun"]
)
@pytest.mark.negative(56)
def test_a_certificate_outside_its_time_is_refused_and_the_clock_named(
    tmp_path: Path, authority: Issuer, life: tuple[timedelta, timedelta]
) -> None:
    certificate, key = leaf_under(authority, HOST, life=life)
    late = write(tmp_path, key, certificate, authority.certificate)
    clock = datetime.fromisoformat("2021-01-01T09:12:00+02:00")
    with pytest.raises(TlsTimeError, match="2021-01-01 09:12"):
        rehearse(late.certificate, late.key, authority.public_key, HOST, clock)


def test_the_authoritys_own_dates_do_not_matter(tmp_path: Path) -> None:
    key = make_key()
    ended = Issuer(key, authority_certificate(key, NOW - 20_000 * DAY))
    certificate, server_key = ended.issue(HOST)
    chain = write(tmp_path, server_key, certificate, ended.certificate)
    rehearse(chain.certificate, chain.key, ended.public_key, HOST, NOW)


def test_a_clients_certificate_cannot_play_the_server(tmp_path: Path, authority: Issuer) -> None:
    certificate, key = authority.issue(HOST, purpose=Purpose.CLIENT)
    client = write(tmp_path, key, certificate, authority.certificate)
    with pytest.raises(TlsError) as refusal:
        rehearse(client.certificate, client.key, authority.public_key, HOST, NOW)
    assert refusal.value.code == "tls.failed"
    assert "purpose" in str(refusal.value)


def test_verification_is_strict(tmp_path: Path, authority: Issuer) -> None:
    certificate, key = leaf_under(authority, HOST, without_identifier=True)
    loose = write(tmp_path, key, certificate, authority.certificate)
    with pytest.raises(TlsError, match="cannot be used") as refusal:
        rehearse(loose.certificate, loose.key, authority.public_key, HOST, NOW)
    assert refusal.value.code == "tls.failed"


@pytest.mark.parametrize("impostor", [another_authority, a_look_alike_with_the_real_key_identifier])
def test_a_refused_server_learns_the_name_it_was_asked_for_and_nothing_else(
    impostor: Callable[[Issuer], Presented], tmp_path: Path, authority: Issuer
) -> None:
    key, chain = impostor(authority)
    presented = write(tmp_path, key, *chain)
    between = wire(client_context(authority.public_key), server_context(presented.certificate, presented.key), HOST)
    with pytest.raises(ssl.SSLCertVerificationError):
        between.shake()
    with pytest.raises(ssl.SSLError):
        between.client.write(b"the token")  # no connection, so nothing can be sent by mistake either
    between.carry()
    with pytest.raises(ssl.SSLError):
        between.server.do_handshake()  # an alert and no more has come
    assert b"the token" not in between.sent
    records = split_records(bytes(between.sent))
    assert [kind for kind, _ in records][:1] == [22]  # the ClientHello
    assert all(kind in (20, 21, 23) for kind, _ in records[1:])
    assert sum(size for kind, size in records if kind == 23) < 64  # an encrypted alert, no room for anything


def split_records(stream: bytes) -> list[tuple[int, int]]:
    """TLS records as (content type, length)."""
    records = []
    while stream:
        length = int.from_bytes(stream[3:5], "big")
        records.append((stream[0], length))
        stream = stream[5 + length :]
    return records


# --- what the contexts are -----------------------------------------------------------------------


def test_a_client_context_cannot_be_looser(authority: Issuer) -> None:
    context = client_context(authority.public_key)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.minimum_version is context.maximum_version is ssl.TLSVersion.TLSv1_3
    assert len(context.get_ca_certs()) == 1


def test_roots_of_the_machine_and_of_the_environment_are_not_trusted(
    tmp_path: Path, authority: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = trustme.CA()
    bundle = tmp_path / "roots.pem"
    web.cert_pem.write_to_path(bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.set_alpn_protocols([ALPN])
    web.issue_cert(HOST).configure_cert(serving)
    with pytest.raises(ssl.SSLCertVerificationError):
        wire(client_context(authority.public_key), serving, HOST).shake()


def test_a_key_that_is_no_point_makes_no_context() -> None:
    for wrong in (b"", bytes(33), b"\x02" + b"\xff" * 32, b"\x04" * 33):
        with pytest.raises(CertificateError):
            client_context(wrong)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
def test_neither_side_speaks_an_older_tls(files: Files, authority: Issuer, version: ssl.TLSVersion) -> None:
    server = server_context(files.certificate, files.key)
    old_client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old_client.maximum_version = version
    with pytest.raises(ssl.SSLError):
        wire(old_client, server, HOST).shake()
    old_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old_server.load_cert_chain(files.certificate, files.key)
    old_server.maximum_version = version
    with pytest.raises(ssl.SSLError) as refusal:
        wire(client_context(authority.public_key), old_server, HOST).shake()
    error = explain_tls_error(refusal.value, host=HOST, authority=authority.public_key, now=NOW)
    assert error.code == "tls.failed"
    assert HOST in str(error)


def test_no_session_ticket_is_given(files: Files, authority: Issuer) -> None:
    between = wire(client_context(authority.public_key), server_context(files.certificate, files.key), HOST)
    between.shake()
    between.server.write(b"x")
    between.carry()
    assert between.client.read(1) == b"x"  # a ticket would have come before it
    assert between.client.session is None or not between.client.session.has_ticket


@pytest.mark.parametrize("offered", [[], ["http/1.1"], ["secure-chat/2"]])
def test_a_side_that_does_not_offer_this_protocol_is_refused_by_both(
    files: Files, authority: Issuer, offered: list[str]
) -> None:
    client = client_context(authority.public_key)
    foreign = ssl.create_default_context(cadata=_pem(authority))
    foreign.minimum_version = ssl.TLSVersion.TLSv1_3
    if offered:
        foreign.set_alpn_protocols(offered)
    asked = wire(foreign, server_context(files.certificate, files.key), HOST)
    asked.shake()
    with pytest.raises(TlsError, match="does not speak secure_chat"):
        require_alpn(asked.server)
    other_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other_server.load_cert_chain(files.certificate, files.key)
    if offered:
        other_server.set_alpn_protocols(offered)
    answered = wire(client, other_server, HOST)
    answered.shake()
    with pytest.raises(TlsError, match="does not speak secure_chat"):
        require_alpn(answered.client)


def test_a_server_says_what_is_wrong_with_its_files(tmp_path: Path, files: Files, authority: Issuer) -> None:
    with pytest.raises(CertificateMissing, match=r"nowhere\.crt"):
        server_context(tmp_path / "nowhere.crt", files.key)
    with pytest.raises(CertificateMissing, match=r"nowhere\.key"):
        server_context(files.certificate, tmp_path / "nowhere.key")
    other = tmp_path / "other"
    other.mkdir()
    foreign = write(other, authority.issue(HOST)[1], authority.certificate)
    with pytest.raises(CertificateError, match="are not a certificate and its key"):
        server_context(files.certificate, foreign.key)
    files.key.chmod(0o640)
    with pytest.raises(CertificateExposed, match="Others can use"):
        server_context(files.certificate, files.key)


def test_a_key_with_a_passphrase_is_refused_and_nothing_asks_for_it(tmp_path: Path, authority: Issuer) -> None:
    certificate, key = authority.issue(HOST)
    locked = write(tmp_path, key, certificate, passphrase=b"correct horse")
    with pytest.raises(CertificateError, match="passphrase"):
        server_context(locked.certificate, locked.key)


def _pem(issuer: Issuer) -> str:
    return issuer.certificate.public_bytes(Encoding.PEM).decode("ascii")
