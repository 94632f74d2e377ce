"""Coming in: names, invites, registration, login, resume, recovery, another passphrase."""

from secure_chat.errors import InviteUnknown, RegistrationClosed
from secure_chat.limits import INVITE_TOKEN_BYTES, RESUME_TOKEN_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol.authentication import NEWEST_LOGIN_KDF, resume_token_hash
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import NameFacts
from secure_chat.server.authentication_requests import (
    Binding,
    CheckInvite,
    CheckLogin,
    CheckPassphraseChange,
    CheckRecovery,
    CheckRegistration,
)
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import WithToken
from secure_chat.server.services import Context
from secure_chat.storage.entries import ResumeSession


def query_name(command: c.NameQuery, _: Context, __: ServerFacts) -> bytes:
    """The row of login derivations: the same for every name, known or not."""
    return encode(NameFacts(command.id, NEWEST_LOGIN_KDF))


def query_invite(command: c.InviteQuery, _: Context, __: ServerFacts) -> CheckInvite:
    """What an invite is for."""
    return CheckInvite(command.id, command)


def register(command: c.Register, context: Context, facts: ServerFacts) -> CheckRegistration:
    """Make an account. Raises `RegistrationClosed` where an invite is needed and none came."""
    if facts.registration != "open" and not command.token:
        raise RegistrationClosed("An account on this server needs an invite.")
    _check_token(command.token)
    return CheckRegistration(command.id, command, _binding(context, facts), facts.bcrypt_cost, facts.registration)


def log_in(command: c.Login, context: Context, facts: ServerFacts) -> CheckLogin:
    """Log in by passphrase, as a device or only in order to recover."""
    return CheckLogin(command.id, command, _binding(context, facts), facts.bcrypt_cost)


def resume(command: c.Resume, context: Context, facts: ServerFacts) -> WithToken:
    """Log in by token, without waiting behind anybody's bcrypt: the journal knows tokens and keys."""
    successor = facts.draw(RESUME_TOKEN_BYTES)
    entry = ResumeSession(
        token_hash=resume_token_hash(command.token),
        device=command.device.device_id,
        counter=command.device.counter,
        signature=command.device.signature,
        server_id=facts.server_id,
        nonce=context.nonce,
        leaf_hash=context.leaf_hash,
        successor_hash=resume_token_hash(successor),
    )
    return WithToken(entry, successor)


def recover(command: c.Recover, context: Context, facts: ServerFacts) -> CheckRecovery:
    """Put this device in place of all others. Raises `InviteUnknown` without a token or a login before."""
    _check_token(command.token)
    if context.limited is None and not command.token:
        raise InviteUnknown("A recovery needs a login before it, or a link from an administrator.")
    return CheckRecovery(command.id, command, _binding(context, facts), facts.bcrypt_cost, context.limited)


def change_passphrase(command: c.PassphraseChange, context: Context, facts: ServerFacts) -> CheckPassphraseChange:
    """Replace the login secret."""
    return CheckPassphraseChange(command.id, command, facts.bcrypt_cost, context.ready)


def _check_token(token: bytes) -> None:
    if token and len(token) != INVITE_TOKEN_BYTES:
        raise InviteUnknown


def _binding(context: Context, facts: ServerFacts) -> Binding:
    return Binding(facts.server_id, context.nonce, context.leaf_hash)
