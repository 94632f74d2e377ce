"""What a device signs when it logs in, resumes or registers: this server, this connection, itself."""

from typing import Final

from secure_chat.directory.keys import USER_ID_BYTES, DeviceId, DeviceSigningKey, UserId, checked_device_id
from secure_chat.encoding import Writer, tag

NONCE_BYTES: Final = 32
HASH_BYTES: Final = 32  # SHA-256


def login_payload(
    server_id: bytes, user_id: UserId, device_id: DeviceId, nonce: bytes, certificate_hash: bytes
) -> bytes:
    """What the device's signing key signs: T("login") || server_id 32, user_id 16, device_id 4, nonce 32, hash 32.

    `server_id`: of the authority that this TLS connection was verified under; `nonce`: from this connection's hello;
    `certificate_hash`: SHA-256 of the DER leaf certificate of this connection. So a signature is of no use on any
    other connection.
    """
    writer = Writer().rest(tag("login")).fixed(server_id, HASH_BYTES).identifier(user_id, USER_ID_BYTES)
    writer.u32(checked_device_id(device_id)).fixed(nonce, NONCE_BYTES).fixed(certificate_hash, HASH_BYTES)
    return writer.finish()


def check_login(signing_key: DeviceSigningKey, payload: bytes, signature: bytes) -> None:
    """Check a device's signature over `login_payload`. Raises `SignatureError`."""
    signing_key.verify_payload(payload, signature)
