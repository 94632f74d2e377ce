"""Members' own invites: making them, hearing who has used them."""

import time

from secure_chat.limits import INVITE_HOURS
from secure_chat.protocol import commands as c
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.read_requests import ReadOwnInvites
from secure_chat.server.services import Context
from secure_chat.storage.entries import CreateOwnInvite, SettleInvites

MS_PER_HOUR = 3_600_000


def create(command: c.InviteCreate, context: Context, facts: ServerFacts) -> CreateOwnInvite:
    """Make an invite for a member; the journal counts how many are open, and knows a repeat."""
    expires = time.time_ns() // 1_000_000 + INVITE_HOURS * MS_PER_HOUR
    return CreateOwnInvite(context.ready.account, command.token_hash, expires, facts.invites_by_members)


def list_used(command: c.InviteOwn, context: Context, _: ServerFacts) -> ReadOwnInvites:
    """What became of the own invites."""
    return ReadOwnInvites(command.id, context.ready.account)


def settle(command: c.InviteSettle, context: Context, _: ServerFacts) -> SettleInvites:
    """Tell these no more."""
    return SettleInvites(context.ready.account, tuple(command.token_hashes))
