"""Padding: a content is carried in one of few sizes, so that a ciphertext's length says little; PROTOCOL.md 23.5."""

from typing import Final

from secure_chat.errors import ContentInvalid, MessageTooLong
from secure_chat.limits import MAX_PADDED_BYTES
from secure_chat.protocol.envelope_header import PADDED_SIZES, padded_size

_END: Final = b"\x80"


def pad(content: bytes) -> bytes:
    """`content`, 0x80, and zeros to the next size. Raises `MessageTooLong` beyond 16,383 bytes."""
    marked = content + _END
    if len(marked) > MAX_PADDED_BYTES:
        raise MessageTooLong
    return marked.ljust(padded_size(len(marked)), b"\x00")


def unpad(padded: bytes) -> bytes:
    """The content. Raises `ContentInvalid` for what `pad` would not have written."""
    content = padded[: padded.rfind(_END)]
    if len(padded) not in PADDED_SIZES or pad(content) != padded:
        raise ContentInvalid("The padding of this message is not as it must be.")
    return content
