"""Direct messages: sealed envelopes in, acknowledgements and deferrals of those that were given out."""

from secure_chat.errors import DirectMismatch
from secure_chat.protocol import commands as c
from secure_chat.protocol.envelope_header import checked_id, route
from secure_chat.server.handlers.facts import ServerFacts
from secure_chat.server.items import Deferral
from secure_chat.server.services import Context
from secure_chat.server.session import Session
from secure_chat.storage.entries import AcknowledgeDirect, OutgoingPart, SendDirect


def send(command: c.DirectSend, context: Context, _: ServerFacts) -> SendDirect:
    """Take a message to one user. Of its envelopes the public headers are read, and nothing is changed in them.

    Raises `EnvelopeInvalid`, and `DirectMismatch` for an envelope that says otherwise than the session or the request.
    """
    session = context.ready
    if len(command.parts) == 1:
        parts: tuple[OutgoingPart, ...] = (_part(command.parts[0], session, command.user_id),)
    else:
        parts = tuple([_part(part, session, command.user_id) for part in command.parts])
        _check_distinct(parts)
    return SendDirect(session.account, session.device, command.user_id, parts)


def _part(part: c.DirectPart, session: Session, recipient: bytes) -> OutgoingPart:
    envelope, device = part.envelope, part.device_id
    if bool(envelope) is bool(part.omitted):
        raise DirectMismatch("A device gets an envelope or the reason why there is none.")
    if not envelope:
        return OutgoingPart(device)
    return OutgoingPart(
        device, checked_id(envelope, route(session.user_id, session.device, recipient, device)), envelope
    )


def _check_distinct(parts: tuple[OutgoingPart, ...]) -> None:
    ids = [part.envelope_id for part in parts if part.envelope_id]
    if len({part.device for part in parts}) < len(parts) or len(set(ids)) < len(ids):
        raise DirectMismatch("A device or an envelope is named twice in one request.")


def acknowledge(command: c.DirectAcknowledge, context: Context, _: ServerFacts) -> AcknowledgeDirect:
    """These are on the device's disk."""
    session = context.ready
    return AcknowledgeDirect(session.account, session.device, tuple(command.envelope_ids))


def defer(command: c.DirectDefer, _: Context, __: ServerFacts) -> Deferral:
    """These come again on the next connection."""
    return Deferral(command.id, command.envelope_ids)
