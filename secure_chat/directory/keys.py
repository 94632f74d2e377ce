"""Public keys and identifiers of people and their devices, and how a signature of theirs is checked."""

from dataclasses import dataclass
from typing import Final, NewType

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from secure_chat.encoding import Field, fixed_field, identifier_field, wrapped_field
from secure_chat.errors import EncodingError, SignatureError

UserId = NewType("UserId", bytes)  # 16 bytes, random, never all zero
DeviceId = NewType("DeviceId", int)  # 1 to 2**32 - 1, random

USER_ID_BYTES: Final = 16
MAX_DEVICE_ID: Final = 2**32 - 1
KEY_BYTES: Final = 32  # every Ed25519 and X25519 public key
SIGNATURE_BYTES: Final = 64  # Ed25519

_FIELD_PRIME: Final = 2**255 - 19
_WITHOUT_BIT_255: Final = 2**255 - 1
# The u-coordinates of order 1, 2, 4 and 8 on Curve25519 and its twist (RFC 7748, section 6.1, wants them refused):
# with one of these the secret that X25519 agrees on is zero, whatever the other side's key.
_LOW_ORDER: Final = frozenset(
    (
        0,
        1,
        _FIELD_PRIME - 1,
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
)


@dataclass(frozen=True, slots=True)
class _Ed25519PublicKey:
    """32 bytes. Whether they are a key shows when a signature is checked: every key here comes with one."""

    raw: bytes

    def __post_init__(self) -> None:
        _check_width(self.raw)

    def verify_payload(self, payload: bytes, signature: bytes) -> None:
        """Check an Ed25519 signature over `payload`, which begins with its tag: T(tag) || message.

        Raises `SignatureError` for another signature, key, tag or message, and for a key of small order or in
        non-canonical form. libsodium makes these checks; other libraries accept such keys.
        """
        if len(signature) != SIGNATURE_BYTES:
            raise SignatureError(f"A signature has {SIGNATURE_BYTES} bytes, this one {len(signature)}.")
        try:
            crypto_sign_open(signature + payload, self.raw)
        except CryptoError as error:
            raise SignatureError from error


@dataclass(frozen=True, slots=True)
class IdentityPublicKey(_Ed25519PublicKey):
    """A person's identity (UIK, Ed25519): what contacts pin, and what signs the list of devices."""


@dataclass(frozen=True, slots=True)
class DeviceSigningKey(_Ed25519PublicKey):
    """One device's signing key (DSK, Ed25519): it signs prekeys and logins."""


@dataclass(frozen=True, slots=True)
class DhPublicKey:
    """An X25519 public key, 32 bytes. Raises `EncodingError` for one with which every secret would be zero."""

    raw: bytes

    def __post_init__(self) -> None:
        _check_width(self.raw)
        if self.point in _LOW_ORDER:
            raise EncodingError("An X25519 key is of low order.")

    @property
    def point(self) -> int:
        """What X25519 computes with: bit 255 is not looked at, and 19 points have a second form.

        Two keys are the same key when their points are equal; their bytes may differ.
        """
        return (int.from_bytes(self.raw, "little") & _WITHOUT_BIT_255) % _FIELD_PRIME


@dataclass(frozen=True, slots=True)
class DeviceDhKey(DhPublicKey):
    """One device's long-lived X25519 key (DDH), never converted from or into its signing key."""


def checked_device_id(number: int) -> DeviceId:
    """`number` as the number of a device. Raises `EncodingError` for zero and for what does not fit into a u32."""
    if not 1 <= number <= MAX_DEVICE_ID:
        raise EncodingError(f"The number of a device is 1 to {MAX_DEVICE_ID}.")
    return DeviceId(number)


def _check_width(raw: bytes) -> None:
    if len(raw) != KEY_BYTES:
        raise EncodingError(f"A public key has {KEY_BYTES} bytes, this one {len(raw)}.")


USER_ID_FIELD: Final = identifier_field(USER_ID_BYTES)
IDENTITY_FIELD: Final = wrapped_field(IdentityPublicKey, KEY_BYTES)
SIGNING_FIELD: Final = wrapped_field(DeviceSigningKey, KEY_BYTES)
DH_FIELD: Final = wrapped_field(DeviceDhKey, KEY_BYTES)
SIGNATURE_FIELD: Final = fixed_field(SIGNATURE_BYTES)
DEVICE_ID_FIELD: Final = Field(
    lambda writer, number: writer.u32(checked_device_id(number)), lambda reader: checked_device_id(reader.u32())
)
