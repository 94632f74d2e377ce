"""Envelopes for tests of those who only look at their header: everything behind it is random."""

import secrets

from secure_chat.directory.keys import DeviceId, UserId
from secure_chat.encoding import Writer
from secure_chat.protocol.envelope_header import (
    ENVELOPE_ID_BYTES,
    FIXED_BYTES,
    HEADER_BYTES,
    INIT_BYTES,
    TYPE_INIT,
    TYPE_NORMAL,
    VERSION,
    Address,
)


def address(user_id: bytes, device: int) -> Address:
    return Address(UserId(user_id), DeviceId(device))


def envelope_between(
    sender: Address, recipient: Address, *, padded: int = 768, init: bool = False, envelope_id: bytes = b""
) -> bytes:
    """An envelope that a server takes; `envelope_id` empty: a fresh one."""
    writer = Writer().u8(VERSION).u8(1).u8(TYPE_INIT if init else TYPE_NORMAL)
    writer.fixed(envelope_id or secrets.token_bytes(ENVELOPE_ID_BYTES), ENVELOPE_ID_BYTES)
    for end in (sender, recipient):
        writer.fixed(end.user_id, 16).u32(end.device_id)
    rest = FIXED_BYTES + (INIT_BYTES if init else 0) + padded - HEADER_BYTES
    return writer.fixed(secrets.token_bytes(8), 8).rest(secrets.token_bytes(rest)).finish()
