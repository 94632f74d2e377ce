"""Envelopes: what a server carries from device to device, and the header that both its ends authenticate.

PROTOCOL.md 18.2. 155 bytes and the padded content; the first messages of a session have 1,144 bytes more.
"""

import struct
from typing import Final, Self

import msgspec

from secure_chat.e2ee.parties import Address
from secure_chat.encoding import packed
from secure_chat.errors import EncodingError
from secure_chat.protocol.envelope_header import PADDED_SIZES, TYPE_INIT, TYPE_NORMAL, VERSION

SUITE: Final = 1  # X25519, ML-KEM-768, HKDF-SHA-256, XChaCha20-Poly1305
SESSION_TAG_BYTES: Final = 8
COMMITMENT_BYTES: Final = 32
TAG_BYTES: Final = 16  # Poly1305

_START: Final = struct.Struct(">BBB16s16sI16sI8s")
_INIT: Final = struct.Struct(">I32s8s8sI1088s")
_RATCHET: Final = struct.Struct(">32sII32s")  # and the commitment
_CHAIN: Final = struct.Struct(">32sII")
_NO_PREKEY, _NO_ID = bytes(8), bytes(16)

ChainPlace = tuple[bytes, int, int]  # what a header says: the sender's ratchet key of 32 bytes, PN, and N from 0


class InitFields(msgspec.Struct, frozen=True, array_like=True):
    """What begins a session; repeated in each message until the peer has answered."""

    gen: int  # the session's generation, from 1
    ek: bytes  # 32 bytes: the initiator's ephemeral key
    spk_id: bytes  # 8 bytes; with `ek` the key of the replay cache
    otp_id: bytes | None  # 8 bytes
    from_dl: int  # the version of the initiator's newest device list, from 1
    ct: bytes  # 1,088 bytes: ML-KEM-768

    def encode(self) -> bytes:
        """The 1,144 bytes. Raises `EncodingError` for what no reader would take."""
        data = packed(_INIT, self.gen, self.ek, self.spk_id, self.otp_id or _NO_PREKEY, self.from_dl, self.ct)
        self.parse(data)
        return data

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the 1,144 bytes. Raises `EncodingError`."""
        gen, ek, spk_id, otp_id, from_dl, ct = _INIT.unpack(data)
        if not gen or not from_dl or spk_id == _NO_PREKEY:
            raise EncodingError("A session begins without generation, prekey or device list.")
        return cls(gen, ek, spk_id, otp_id if otp_id != _NO_PREKEY else None, from_dl, ct)


def header(env_id: bytes, route: tuple[Address, Address, bytes], init: InitFields | None, chain: ChainPlace) -> bytes:
    """Everything before the commitment; `route`: sender, recipient, session tag."""
    kind, (sender, recipient, sid8) = TYPE_NORMAL if init is None else TYPE_INIT, route
    addresses = (sender.user_id, sender.device_id, recipient.user_id, recipient.device_id)
    start = _START.pack(VERSION, SUITE, kind, env_id, *addresses, sid8)
    return start + (b"" if init is None else init.encode()) + _CHAIN.pack(*chain)


class Envelope(msgspec.Struct, frozen=True):
    """One envelope, read but not opened: nothing of it is authentic yet."""

    type: int
    env_id: bytes  # 16 bytes
    sender: Address
    recipient: Address
    sid8: bytes  # 8 bytes: the session's tag
    init: InitFields | None
    ratchet_pub: bytes  # 32 bytes
    pn: int  # messages on the sender's chain before
    n: int  # this message's place on its chain, from 0
    header: bytes  # everything before the commitment
    commitment: bytes  # 32 bytes
    sealed: bytes  # padded content and 16 bytes of tag

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read exactly one envelope. Raises `EncodingError`."""
        try:
            version, suite, kind, env_id, from_user, from_device, to_user, to_device, sid8 = _START.unpack_from(data)
            start = _START.size + (_INIT.size if kind == TYPE_INIT else 0)
            ratchet_pub, pn, n, commitment = _RATCHET.unpack_from(data, start)
        except struct.error as error:
            raise EncodingError("An envelope is cut off.") from error
        if version != VERSION or suite != SUITE or kind not in (TYPE_INIT, TYPE_NORMAL):
            raise EncodingError("This version does not know this version, suite or type of envelope.")
        if _NO_ID in (env_id, from_user, to_user) or not (from_device and to_device):
            raise EncodingError("An identifier is all zero.")
        init = InitFields.parse(data[_START.size : start]) if kind == TYPE_INIT else None
        end = start + _RATCHET.size
        sealed = data[end:]
        if len(sealed) - TAG_BYTES not in PADDED_SIZES:
            raise EncodingError("An envelope is of none of the sizes there are.")
        sender, recipient = Address(from_user, from_device), Address(to_user, to_device)
        before = data[: end - COMMITMENT_BYTES]
        return cls(kind, env_id, sender, recipient, sid8, init, ratchet_pub, pn, n, before, commitment, sealed)
