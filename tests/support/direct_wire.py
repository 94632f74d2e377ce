"""Direct messages on the wire for tests of the server: envelopes that are well-formed outside and noise inside."""

import secrets

from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret
from secure_chat.limits import MAX_ENVELOPE_BYTES
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.envelope_header import FIXED_BYTES, FIXED_PADDED_SIZES, HEADER_BYTES, INIT_BYTES
from tests.support.people import TestPerson
from tests.support.wire_client import WireClient

SHORT = FIXED_PADDED_SIZES[0]  # a short text, padded
LONGEST = MAX_ENVELOPE_BYTES - FIXED_BYTES - INIT_BYTES  # the longest content, padded
_ENVELOPE_ID = slice(3, 19)


def envelope_for(
    sender: TestPerson,
    recipient: TestPerson,
    *,
    padded: int = SHORT,
    is_init: bool = False,
    envelope_id: bytes | None = None,
    device_id: int | None = None,
) -> bytes:
    """What a client would send, as far as a server can tell. `device_id`: another of the recipient's devices."""
    header = bytes((1, 1, 1 if is_init else 2)) + (envelope_id or secrets.token_bytes(16))
    header += sender.user_id + sender.device.device_id.to_bytes(4, "big")
    header += recipient.user_id + (device_id or recipient.device.device_id).to_bytes(4, "big")
    size = FIXED_BYTES + (INIT_BYTES if is_init else 0) + padded
    assert len(header) + 8 == HEADER_BYTES
    return header + secrets.token_bytes(size - len(header))


def id_of(envelope: bytes) -> bytes:
    """Its envelope id."""
    return envelope[_ENVELOPE_ID]


def send_request(client: WireClient, recipient: TestPerson, envelope: bytes) -> c.DirectSend:
    """One envelope for the one device of a person."""
    return c.DirectSend(
        client.next_id(), recipient.user_id, [c.DirectPart(recipient.device.device_id, envelope=envelope)]
    )


def send_direct(client: WireClient, recipient: TestPerson, *envelopes: bytes) -> None:
    """Send them one after the other, as many under way as a connection may have; wait until all are accepted."""
    waiting: list[int] = []
    for envelope in envelopes:
        waiting.append(client.send(send_request(client, recipient, envelope)))
        if len(waiting) == 24:
            _accepted(client, waiting.pop(0))
    for request in waiting:
        _accepted(client, request)


def _accepted(client: WireClient, request: int) -> None:
    reply = client.reply_to(request)
    assert isinstance(reply, e.DirectAccepted), reply


def receive(client: WireClient, count: int) -> list[bytes]:
    """The next envelopes, in the order in which they come."""
    return [client.wait_for(e.DirectEnvelope).envelope for _ in range(count)]


def acknowledge(client: WireClient, *envelopes: bytes) -> None:
    """All of them in one request."""
    reply = client.ask(c.DirectAcknowledge(client.next_id(), [id_of(envelope) for envelope in envelopes]))
    assert isinstance(reply, e.Done)


def defer(client: WireClient, *envelopes: bytes) -> None:
    """All of them in one request."""
    reply = client.ask(c.DirectDefer(client.next_id(), [id_of(envelope) for envelope in envelopes]))
    assert isinstance(reply, e.Done)


def one_time_prekeys(person: TestPerson, count: int) -> list[bytes]:
    """Fresh ones, signed by the person's device."""
    return [
        OneTimePrekeySecret.generate(person.device, person.user_id, secrets.token_bytes).published.encode()
        for _ in range(count)
    ]


def publish(client: WireClient, person: TestPerson, count: int) -> e.PrekeysKept:
    """Put fresh one-time prekeys on the shelf."""
    reply = client.ask(c.PrekeysPublish(client.next_id(), b"", one_time_prekeys(person, count)))
    assert isinstance(reply, e.PrekeysKept)
    return reply


def claim(client: WireClient, person: TestPerson) -> e.PrekeyBundle:
    """What opens a session with the one device of a person."""
    reply = client.ask(c.PrekeysClaim(client.next_id(), person.user_id, [person.device.device_id]))
    assert isinstance(reply, e.PrekeyBundles)
    (bundle,) = reply.bundles
    return bundle
