"""Requests about direct messages: prekeys, device lists, envelopes, own invites."""

from secure_chat.errors import NotNow
from secure_chat.protocol import commands as c
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import HandlerResult
from secure_chat.server.services import Context


def not_yet(command: c.Command, context: Context, facts: ServerFacts) -> HandlerResult:
    """What this server does not do. Raises `NotNow`."""
    del context, facts
    raise NotNow(f"This server does not take {type(command).__name__}.")
