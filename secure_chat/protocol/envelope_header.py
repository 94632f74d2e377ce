"""The public part of an envelope: from whom, for whom, of which size; all that a server looks at.

PROTOCOL.md 18.2 has the whole struct. What opens a session, the ratchet's key and the content are skipped here:
their lengths are checked, nothing else. A client reads the same bytes once more, as a whole.
"""

from collections.abc import Iterator
from struct import Struct
from typing import Final, Self

import msgspec

from secure_chat.directory.keys import USER_ID_BYTES, DeviceId, UserId
from secure_chat.errors import DirectMismatch, EnvelopeInvalid
from secure_chat.limits import MAX_ENVELOPE_BYTES, MAX_PADDED_BYTES

VERSION: Final = 1
LOWEST_SUITE: Final = 1
HIGHEST_SUITE: Final = 1
TYPE_INIT: Final = 1
TYPE_NORMAL: Final = 2
ENVELOPE_ID_BYTES: Final = 16
ADDRESS_BYTES: Final = USER_ID_BYTES + 4

HEADER_BYTES: Final = 3 + ENVELOPE_ID_BYTES + 2 * ADDRESS_BYTES + 8  # up to and with sid8
INIT_BYTES: Final = 1144  # gen 4, EK 32, SPK.id 8, OTP.id 8, from_dl 4, ct 1088
FIXED_BYTES: Final = 155  # everything but the fields of an init and the padded content; the tag is in it

_LAYOUT: Final = Struct(f">BBB{ENVELOPE_ID_BYTES}s{USER_ID_BYTES}sI{USER_ID_BYTES}sI")  # up to and without sid8
_INIT_BYTES: Final[dict[tuple[int, int, int], int]] = {
    (VERSION, suite, kind): size
    for suite in range(LOWEST_SUITE, HIGHEST_SUITE + 1)
    for kind, size in ((TYPE_INIT, INIT_BYTES), (TYPE_NORMAL, 0))
}
"""Bytes of an init by version, suite and type: every kind of envelope that there is."""
_NO_ID: Final = bytes(16)

FIXED_PADDED_SIZES: Final = (768, 1536, 3072)


def padded_size(length: int) -> int:
    """The size to which content of `length` bytes, its end mark included, is padded.

    The first of 768, 1,536 and 3,072 that holds it; above them Padmé: at most 12 % more. `length`: 1 to 16,384.
    """
    for size in FIXED_PADDED_SIZES:
        if length <= size:
            return size
    exponent = length.bit_length() - 1
    step = 1 << (exponent - exponent.bit_length())
    return -(-length // step) * step


def _padded_sizes() -> Iterator[int]:
    """Each size that a padded content can have: what is one byte longer than one of them is padded to the next."""
    size = 0
    while size < MAX_PADDED_BYTES:
        size = padded_size(size + 1)
        yield size


PADDED_SIZES: Final = frozenset(_padded_sizes())
"""Every size that a padded content can have; 43 of them."""


_SIZES: Final[dict[bytes, frozenset[int]]] = {
    bytes(kind): frozenset(FIXED_BYTES + size + padded for padded in PADDED_SIZES) for kind, size in _INIT_BYTES.items()
}
"""Bytes that a whole envelope may have, by its first three."""
_NONE: Final = frozenset[int]()
_ROUTE: Final = Struct(f">{USER_ID_BYTES}sI{USER_ID_BYTES}sI")
route: Final = _ROUTE.pack
"""From and to as a header has them: sender's user id and device, recipient's user id and device."""
_ID: Final = slice(3, 3 + ENVELOPE_ID_BYTES)
_FROM_AND_TO: Final = slice(_ID.stop, _ID.stop + _ROUTE.size)
_RECIPIENT: Final = slice(ADDRESS_BYTES, ADDRESS_BYTES + USER_ID_BYTES)  # of a route


class Address(msgspec.Struct, frozen=True, gc=False):
    """One device of one user."""

    user_id: UserId
    device_id: DeviceId


class EnvelopeHeader(msgspec.Struct, frozen=True, gc=False):
    """What of an envelope is not the recipient's alone."""

    suite: int
    is_init: bool
    envelope_id: bytes  # 16
    sender: Address
    recipient: Address
    padded_bytes: int  # of the content: one of `PADDED_SIZES`

    @classmethod
    def parse(cls, envelope: bytes) -> Self:
        """Read it. Raises `EnvelopeInvalid` for what no client of this protocol sends."""
        if not _LAYOUT.size < len(envelope) <= MAX_ENVELOPE_BYTES:
            raise EnvelopeInvalid("An envelope is shorter than its header, or longer than the longest message.")
        version, suite, kind, envelope_id, sender, device, recipient, other = _LAYOUT.unpack_from(envelope)
        init_bytes = _INIT_BYTES.get((version, suite, kind))
        if init_bytes is None:
            raise _unknown(version, suite)
        if _NO_ID in (envelope_id, sender, recipient) or not device or not other:
            raise EnvelopeInvalid("An id in the header of an envelope is zero.")
        padded_bytes = len(envelope) - FIXED_BYTES - init_bytes
        if padded_bytes not in PADDED_SIZES:
            raise EnvelopeInvalid("The content of an envelope has a size to which none is padded.")
        return cls(suite, init_bytes > 0, envelope_id, Address(sender, device), Address(recipient, other), padded_bytes)

    def check_route(self, sender: Address, recipient: Address) -> None:
        """Check that it goes from the device that hands it in to the device it is handed in for.

        Raises `DirectMismatch`.
        """
        if self.sender != sender:
            raise DirectMismatch("This envelope names another sender than the device that sends it.")
        if self.recipient != recipient:
            raise DirectMismatch("This envelope names another recipient than its request.")


def checked_id(envelope: bytes, way: bytes) -> bytes:
    """The id of an envelope that goes this way (`route`). Raises as `parse` and `check_route` do.

    Every direct message passes here on its way: what is right is compared at once, what is not is looked at in full.
    """
    envelope_id = envelope[_ID]
    is_right = (
        envelope[_FROM_AND_TO] == way
        and len(envelope) in _SIZES.get(envelope[:3], _NONE)
        and envelope_id != _NO_ID
        and way[_RECIPIENT] != _NO_ID
    )
    if not is_right:
        sender, device, recipient, other = _ROUTE.unpack(way)
        header = EnvelopeHeader.parse(envelope)
        header.check_route(Address(sender, device), Address(recipient, other))
    return envelope_id


def _unknown(version: int, suite: int) -> EnvelopeInvalid:
    if version != VERSION:
        return EnvelopeInvalid("An envelope is of another version.")
    if not LOWEST_SUITE <= suite <= HIGHEST_SUITE:
        return EnvelopeInvalid("An envelope is of a suite that is not known here.")
    return EnvelopeInvalid("An envelope is of a type that is not known here.")
