"""What a reload makes anew from settings and certificate: checked as a whole, or refused as a whole."""

from dataclasses import dataclass
from datetime import datetime

from secure_chat.certificates.contexts import rehearse, server_context
from secure_chat.certificates.store import CertificateDirectory, ServerIdentity, load_server_identity
from secure_chat.errors import CertificateError, CertificateMissing, TlsNameError
from secure_chat.server.handlers.dispatch import Dispatcher
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import TlsIdentity
from secure_chat.server.services import Live
from secure_chat.server.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Checked:
    """Settings and certificate that go together, and what the I/O core needs of them."""

    settings: Settings
    identity: ServerIdentity
    live: Live


def check(settings: Settings, now: datetime) -> Checked:
    """Load the certificate and go through a whole handshake in memory, as a client that asks for the server's name.

    Raises `CertificateError`, and the `TlsError` that such a client would show.
    """
    directory = CertificateDirectory(settings.certificate_directory)
    if not directory.path.exists():
        raise CertificateMissing(
            f"Nothing is prepared yet: there is no {directory.path}.",
            hint="prepare all that a server needs, and start it: secure-chat-server quickstart",
        )
    identity = load_server_identity(directory.server_certificate, directory.log_key)
    try:
        rehearse(directory.server_certificate, directory.server_key, identity.authority, settings.name, now)
    except TlsNameError as error:
        raise TlsNameError(
            f"The certificate is not for {settings.name}, the server's `name`: it is for {', '.join(identity.names)}.",
            hint=f"set another `name`, or issue one for it: secure-chat-certs issue server --san {settings.name}",
        ) from error
    tls = TlsIdentity(
        context=server_context(directory.server_certificate, directory.server_key),
        leaf_hash=identity.leaf_hash,
        log_public_key=identity.log_public_key,
    )
    facts = ServerFacts(
        identity.server_id, settings.registration, settings.login.bcrypt_cost, settings.invites.by_members
    )
    live = Live(tls=tls, registration=settings.registration, rates=settings.rates, handler=Dispatcher(facts))
    return Checked(settings, identity, live)


def check_same_server(old: ServerIdentity, new: ServerIdentity) -> None:
    """A reload cannot make another server of this one: every client would refuse it. Raises `CertificateError`."""
    if (old.server_id, old.log_public_key) != (new.server_id, new.log_public_key):
        raise CertificateError(
            "The certificate comes from another authority, or the key log's key is another: this is another server.",
            hint="put the old files back: what clients know of this server hangs on them",
        )
