"""Prekeys, signed and one-time: their bytes, their signatures, and the rules of their dates and suites.

PROTOCOL.md 5.3. A prekey is an X25519 and an ML-KEM-768 public key under one signature of the device, bound to
the device's owner and number. A `Published…` is what travels and is stored: the struct and its signature.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from secure_chat import encoding
from secure_chat.directory import keys
from secure_chat.directory.keys import DeviceId, DeviceSigningKey, DhPublicKey, UserId
from secure_chat.errors import EncodingError, PrekeyError, PrekeyTooOld
from secure_chat.limits import MAX_PREKEY_AGE_MS, MAX_PREKEY_AHEAD_MS

PREKEY_ID_BYTES: Final = 8
KEM_KEY_BYTES: Final = 1184  # ML-KEM-768 encapsulation key (FIPS 203, table 3)
SIGNED_PREKEY_BYTES: Final = 1233
ONE_TIME_PREKEY_BYTES: Final = 1224
LOWEST_SUITE: Final = 1


@dataclass(frozen=True, slots=True)
class PrekeyDhKey(DhPublicKey):
    """The X25519 half of a prekey."""


@dataclass(frozen=True, slots=True)
class KemPublicKey:
    """The ML-KEM-768 half of a prekey: 1,184 bytes. Whether they are a key shows at encapsulation."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != KEM_KEY_BYTES:
            raise EncodingError(f"An ML-KEM-768 key has {KEM_KEY_BYTES} bytes, this one {len(self.raw)}.")


_PREKEY_ID: Final = encoding.identifier_field(PREKEY_ID_BYTES)
_DH, _KEM = encoding.wrapped_field(PrekeyDhKey, keys.KEY_BYTES), encoding.wrapped_field(KemPublicKey, KEM_KEY_BYTES)
_OWNER: Final = (keys.USER_ID_FIELD, keys.DEVICE_ID_FIELD)
_SUITE: Final = encoding.number_field(encoding.U8, LOWEST_SUITE)


@dataclass(frozen=True, slots=True)
class SignedPrekey(encoding.Encoded):
    """SPK, 1,233 bytes: replaced every week, and the last resort when no one-time prekey is left."""

    layout = (_PREKEY_ID, _SUITE, _DH, _KEM, encoding.U64)
    prekey_id: bytes  # 8 bytes
    suite_max: int  # the highest suite that the device speaks, from 1; may be one that this program does not know
    dh_key: PrekeyDhKey
    kem_key: KemPublicKey
    created: int  # milliseconds since 1970 UTC

    def signing_payload(self, user_id: UserId, device_id: DeviceId) -> bytes:
        """What the device signs: T("prekey-signed") || user_id 16, device_id 4, SPK."""
        return _owned_by("prekey-signed", user_id, device_id) + self.encode()


@dataclass(frozen=True, slots=True)
class OneTimePrekey(encoding.Encoded):
    """OTP, 1,224 bytes: handed out once by the server, deleted by its device at first use."""

    layout = (_PREKEY_ID, _DH, _KEM)
    prekey_id: bytes  # 8 bytes
    dh_key: PrekeyDhKey
    kem_key: KemPublicKey

    def signing_payload(self, user_id: UserId, device_id: DeviceId) -> bytes:
        """What the device signs: T("prekey-once") || user_id 16, device_id 4, OTP."""
        return _owned_by("prekey-once", user_id, device_id) + self.encode()


class _Published(encoding.Encoded):
    """A prekey and its signature."""

    __slots__ = ()
    prekey: SignedPrekey | OneTimePrekey
    signature: bytes

    def check_signature(self, signing_key: DeviceSigningKey, user_id: UserId, device_id: DeviceId) -> None:
        """Check that this device of this user published it. Raises `SignatureError`."""
        signing_key.verify_payload(self.prekey.signing_payload(user_id, device_id), self.signature)


@dataclass(frozen=True, slots=True)
class PublishedSignedPrekey(_Published):
    """A signed prekey with its signature, 1,297 bytes; not checked before `check_signature`."""

    layout = (encoding.struct_field(SignedPrekey), keys.SIGNATURE_FIELD)
    prekey: SignedPrekey
    signature: bytes  # 64 bytes: the device's signing key over `SignedPrekey.signing_payload`


@dataclass(frozen=True, slots=True)
class PublishedOneTimePrekey(_Published):
    """A one-time prekey with its signature, 1,288 bytes; not checked before `check_signature`."""

    layout = (encoding.struct_field(OneTimePrekey), keys.SIGNATURE_FIELD)
    prekey: OneTimePrekey
    signature: bytes  # 64 bytes: the device's signing key over `OneTimePrekey.signing_payload`


@dataclass(frozen=True, slots=True)
class SeenPrekey:
    """What was seen of a device's signed prekeys so far; the next one must not fall behind it."""

    created: int = 0  # milliseconds since 1970 UTC: the newest
    suite_max: int = LOWEST_SUITE  # the highest

    def including(self, prekey: SignedPrekey) -> "SeenPrekey":
        """What has been seen once `prekey` was, too."""
        return SeenPrekey(max(self.created, prekey.created), max(self.suite_max, prekey.suite_max))


def check_fresh(prekey: SignedPrekey, now_ms: int) -> None:
    """Refuse a signed prekey made more than a day ahead of `now_ms`, or more than 60 days before it.

    Raises `PrekeyTooOld` for the second ("device not seen for 60 days"), `PrekeyError` for the first.
    """
    if prekey.created > now_ms + MAX_PREKEY_AHEAD_MS:
        raise PrekeyError("This device's prekey comes from the future: one of the clocks is wrong.")
    if prekey.created < now_ms - MAX_PREKEY_AGE_MS:
        raise PrekeyTooOld


def check_not_behind(prekey: SignedPrekey, seen: SeenPrekey) -> None:
    """Refuse a signed prekey older than the newest seen of its device, or of a lower suite. Raises `PrekeyError`."""
    if prekey.created < seen.created:
        raise PrekeyError("The server shows an older prekey of this device than before.")
    if prekey.suite_max < seen.suite_max:
        raise PrekeyError("This device speaks a lower suite than before.")


def check_published(
    user_id: UserId, device_id: DeviceId, signing_key: DeviceSigningKey, signed: bytes, one_time: Iterable[bytes]
) -> None:
    """Check the bytes and signatures of an upload; `signed` may be empty, dates are not looked at.

    Raises `EncodingError`, `SignatureError`.
    """
    if signed:
        PublishedSignedPrekey.parse(signed).check_signature(signing_key, user_id, device_id)
    for prekey in one_time:
        PublishedOneTimePrekey.parse(prekey).check_signature(signing_key, user_id, device_id)


def _owned_by(tag_name: str, user_id: UserId, device_id: DeviceId) -> bytes:
    return encoding.tag(tag_name) + encoding.encode_fields(_OWNER, user_id, device_id)
