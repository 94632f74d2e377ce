"""TLS as this project uses it: version 1.3 alone, one trusted authority, and what a failed check means to a person."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from secure_chat.certificates.files import read_private
from secure_chat.certificates.hosts import canonical_host
from secure_chat.certificates.issuing import trust_anchor
from secure_chat.certificates.pins import authority_pin, format_pin
from secure_chat.errors import CertificateError, CertificateMissing, TlsError, TlsNameError, TlsPinError, TlsTimeError

ALPN: Final = "secure-chat/1"

# OpenSSL's X509_V_ERR_* (x509_vfy.h); the numbers are part of its interface and the same in 1.1.1 and 3.x.
_TIME: Final = frozenset({9, 10})  # not yet valid, expired
_NAME: Final = frozenset({62, 64})  # host name, address
_OTHER_AUTHORITY: Final = frozenset(
    {
        2,  # the issuer's certificate is not there
        4,  # a signature that cannot be read
        6,  # a key that cannot be read
        7,  # the signature is wrong: the look-alike of an authority
        18,  # self-signed
        19,  # self-signed above it
        20,  # the issuer is not the anchor
        21,  # the issuer is not there for the leaf
        24,  # the issuer's key is not there
        27,  # not trusted
        29,  # another issuer's name
        30,  # another issuer's key
        32,  # the issuer may not sign certificates
        77,  # signed by another kind of key
        79,  # the issuer is no authority
        82,  # the issuer signs without being an authority
    }
)


def client_context(authority: bytes) -> ssl.SSLContext:
    """A context that trusts the authority with this 33-byte key and nothing else.

    The server's name is checked, verification is strict (RFC 5280), and no step of it can be switched off by a setting
    or the environment. Raises `CertificateError` when `authority` is no key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # sets check_hostname and CERT_REQUIRED
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata=trust_anchor(authority))
    context.set_alpn_protocols([ALPN])
    return context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context that serves this chain and its key: TLS 1.3 alone, no session tickets.

    A context is never changed while connections use it: a reload makes a new one. Raises `CertificateError` when the
    files cannot be read, do not belong together, the key wants a passphrase, or others can use it.
    """
    read_private(key)  # refuses a key that is not its owner's alone
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0  # resumption by TLS would skip the certificate that a login signature binds
    context.set_alpn_protocols([ALPN])
    try:
        context.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except ssl.SSLError as error:
        raise CertificateError(f"{certificate} and {key} are not a certificate and its key.") from error
    except FileNotFoundError as error:
        raise CertificateMissing(f"There is no {certificate}.") from error
    except OSError as error:
        raise CertificateError(f"{certificate} cannot be read: {error.strerror}.") from error
    return context


def require_alpn(tls: ssl.SSLObject | ssl.SSLSocket) -> None:
    """Check, after the handshake, that both sides speak this protocol. OpenSSL lets a connection without it stand.

    Raises `TlsError`; the caller closes the connection before a byte is sent or read.
    """
    if tls.selected_alpn_protocol() != ALPN:
        raise TlsError("The other side does not speak secure_chat. Nothing was sent.")


def explain_tls_error(error: ssl.SSLError, *, host: str, authority: bytes, now: datetime) -> TlsError:
    """What a failed handshake means, for a client that asked for `host` under `authority` (33 bytes).

    `now` is the client's own clock in the zone that its person reads.
    """
    if not isinstance(error, ssl.SSLCertVerificationError):
        return TlsError(f"The TLS connection to {host} failed ({_reason(error)}). Nothing was sent.")
    if error.verify_code in _TIME:
        return TlsTimeError(
            "The server's certificate has ended or has not begun by your clock "
            f"({now:%Y-%m-%d %H:%M}). Nothing was sent."
        )
    if error.verify_code in _NAME:
        return TlsNameError(
            f"The server's certificate is not for {host}, the name you asked for. Nothing was sent.",
            hint=f"use the name of the invite. Administrator: secure-chat-certs issue server --san {host}",
        )
    if error.verify_code in _OTHER_AUTHORITY:
        return TlsPinError(
            "This is not the server of your invite: its certificate does not come from the authority with pin "
            f"{format_pin(authority_pin(authority))}. Nothing was sent."
        )
    return TlsError(f"The server's certificate cannot be used ({error.verify_message}). Nothing was sent.")


def rehearse(certificate: Path, key: Path, authority: bytes, host: str, now: datetime) -> None:
    """Do in memory the whole handshake of a client that asks for `host` under `authority`; the clock is the system's.

    Raises what that client would tell its person, `HostInvalid`, or the `CertificateError` of `server_context`.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context(certificate, key).wrap_bio(to_server, to_client, server_side=True)
    client = client_context(authority).wrap_bio(to_client, to_server, server_hostname=canonical_host(host))
    with _explained(host, authority, now):
        for side in (client, server, client, server):
            with _unfinished():
                side.do_handshake()
        client.do_handshake()  # raises what is wrong; nothing when it is done
        require_alpn(client)


@contextmanager
def _explained(host: str, authority: bytes, now: datetime) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as error:
        raise explain_tls_error(error, host=host, authority=authority, now=now) from error


@contextmanager
def _unfinished() -> Iterator[None]:
    try:
        yield
    except ssl.SSLWantReadError:
        return


def _refuse_passphrase() -> str:
    # Without this OpenSSL would ask on the terminal, and a service would hang there.
    raise CertificateError("This private key wants a passphrase; the server's key is kept without one, mode 0600.")


def _reason(error: ssl.SSLError) -> str:
    return str(error.reason or "the connection was closed").replace("_", " ").lower()
