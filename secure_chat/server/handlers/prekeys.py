"""Prekeys: putting one's own on the shelf, taking others' from it."""

from secure_chat.protocol import commands as c
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.read_requests import CheckPrekeys
from secure_chat.server.services import Context
from secure_chat.storage.entries import ClaimPrekeys


def publish(command: c.PrekeysPublish, context: Context, _: ServerFacts) -> CheckPrekeys:
    """Put prekeys on the shelf. A hundred signatures take 10 ms to verify: not on this thread."""
    session = context.ready
    return CheckPrekeys(
        command.id,
        session.account,
        session.device,
        command.signed_prekey,
        tuple(command.one_time),
        command.replace,
    )


def claim(command: c.PrekeysClaim, context: Context, _: ServerFacts) -> ClaimPrekeys:
    """Take what opens sessions with somebody's devices; each one-time prekey goes to one asker."""
    return ClaimPrekeys(context.ready.account, command.user_id, tuple(command.devices))
