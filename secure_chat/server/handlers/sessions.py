"""A session's own affairs: its resume token, its end, signs of life."""

from secure_chat.protocol import commands as c
from secure_chat.protocol.codec import encode
from secure_chat.protocol.events import PongReply
from secure_chat.server import replies
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.services import Context
from secure_chat.storage.entries import ConfirmToken, EndSession


def confirm_token(command: c.TokenConfirm, context: Context, _: ServerFacts) -> ConfirmToken:
    """The client holds its pending token."""
    session = context.ready
    return ConfirmToken(session.account, session.device, command.token_hash)


def log_out(command: c.Logout, context: Context, _: ServerFacts) -> EndSession | bytes:
    """End the session and its token; a connection without a device has none."""
    if context.limited is not None:
        return replies.done(command.id)
    session = context.ready
    return EndSession(session.account, session.device)


def ping(command: c.Ping, _: Context, __: ServerFacts) -> bytes:
    """Say that the server lives."""
    return encode(PongReply(command.id))


def pong(_: c.Pong, __: Context, ___: ServerFacts) -> None:
    """The client lives: that its bytes came was all."""
