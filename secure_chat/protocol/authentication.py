"""The bytes of login and invitation: salts, the closed table of derivations, what devices sign, tokens, proofs.

PROTOCOL.md 3 and 11. Pure: the passphrase's derivation itself is the client's, bcrypt the server's.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final

from secure_chat.directory.keys import (
    KEY_BYTES,
    USER_ID_BYTES,
    DeviceId,
    DeviceSigningKey,
    IdentityPublicKey,
    UserId,
    checked_device_id,
)
from secure_chat.encoding import Writer, encode_base64, tag
from secure_chat.errors import DeviceSignatureInvalid, InviteProofInvalid, LoginDerivationRefused, SignatureError
from secure_chat.limits import INVITE_SECRET_BYTES, INVITE_TOKEN_BYTES, RESUME_TOKEN_BYTES

SERVER_ID_BYTES: Final = 32
NONCE_BYTES: Final = 32
HASH_BYTES: Final = 32
LOGIN_SALT_BYTES: Final = 16  # libsodium's Argon2id takes exactly these
LOGIN_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class LoginKdf:
    """One row of the closed table: how a passphrase becomes a login secret. A server names a row, never parameters."""

    row: int
    operations: int
    memory_bytes: int
    lanes: int
    output_bytes: int


# Argon2id version 1.3. A new row is stronger than all before it; none is ever changed or taken away.
LOGIN_KDF: Final = (
    LoginKdf(row=1, operations=3, memory_bytes=256 * 1024 * 1024, lanes=1, output_bytes=LOGIN_SECRET_BYTES),
)
NEWEST_LOGIN_KDF: Final = LOGIN_KDF[-1].row


def login_kdf(row: int, lowest: int = 1) -> LoginKdf:
    """The row that a server named.

    `lowest` is the row last used with this server: raises `LoginDerivationRefused` for a lower one, by which a server
    would get secrets that are easier to guess, and for one that this client does not know.
    """
    if row < lowest:
        raise LoginDerivationRefused("The server asks for a weaker login than last time. Nothing was sent.")
    for known in LOGIN_KDF:
        if known.row == row:
            return known
    raise LoginDerivationRefused(f"The server asks for login derivation {row}, which this version does not know.")


def login_salt(server_id: bytes, name: str) -> bytes:
    """The 16 bytes of salt for this name on this server: the same passphrase gives each server another secret.

    `server_id`: 32 bytes; `name`: in its PRECIS-mapped form.
    """
    fields = Writer().fixed(server_id, SERVER_ID_BYTES).text(name).finish()
    return hashlib.sha256(tag("login") + fields).digest()[:LOGIN_SALT_BYTES]


def bcrypt_input(login_secret: bytes) -> bytes:
    """What the server hands to bcrypt for a login secret of 32 bytes: its base64, 44 ASCII bytes without a zero."""
    return encode_base64(Writer().fixed(login_secret, LOGIN_SECRET_BYTES).finish()).encode("ascii")


def login_signature_payload(
    server_id: bytes, user_id: UserId, device_id: DeviceId, nonce: bytes, leaf_hash: bytes
) -> bytes:
    """All bytes that a device signs at login, resume and registration, the tag included.

    `server_id` 32, `user_id` 16, `nonce` 32 of this connection's hello, `leaf_hash` 32: SHA-256 of the DER certificate
    of this connection. So a signature serves one server, one connection and one device, and nobody in between.
    Raises `EncodingError` for other widths and for identifiers that are zero.
    """
    fields = (
        Writer()
        .fixed(server_id, SERVER_ID_BYTES)
        .identifier(user_id, USER_ID_BYTES)
        .u32(checked_device_id(device_id))
        .fixed(nonce, NONCE_BYTES)
        .fixed(leaf_hash, HASH_BYTES)
    )
    return tag("login") + fields.finish()


def verify_login_signature(device: DeviceSigningKey, signature: bytes, payload: bytes) -> None:
    """Check a device's signature, 64 bytes, over `login_signature_payload`. Raises `DeviceSignatureInvalid`."""
    try:
        device.verify_payload(payload, signature)
    except SignatureError as error:
        raise DeviceSignatureInvalid from error


def resume_token_hash(token: bytes) -> bytes:
    """What the server keeps of a resume token: SHA-256 of its 32 random bytes, which need no slow hash."""
    return hashlib.sha256(Writer().fixed(token, RESUME_TOKEN_BYTES).finish()).digest()


def invite_token_hash(token: bytes) -> bytes:
    """What the server keeps of an invite's token: SHA-256 of its 16 random bytes."""
    return hashlib.sha256(Writer().fixed(token, INVITE_TOKEN_BYTES).finish()).digest()


@dataclass(frozen=True, slots=True)
class Invitation:
    """Who joins by whose link: what the proof of an invite binds together."""

    token_hash: bytes  # 32
    inviter_user_id: UserId
    inviter_identity_key: IdentityPublicKey
    joiner_user_id: UserId
    joiner_name: str  # PRECIS-mapped
    joiner_identity_key: IdentityPublicKey


def invite_proof(secret: bytes, invitation: Invitation) -> bytes:
    """The joiner's proof, 32 bytes, that the link's secret of 16 bytes was in the joiner's hands."""
    key = Writer().fixed(secret, INVITE_SECRET_BYTES).finish()
    fields = (
        Writer()
        .fixed(invitation.token_hash, HASH_BYTES)
        .identifier(invitation.inviter_user_id, USER_ID_BYTES)
        .fixed(invitation.inviter_identity_key.raw, KEY_BYTES)
        .identifier(invitation.joiner_user_id, USER_ID_BYTES)
        .text(invitation.joiner_name)
        .fixed(invitation.joiner_identity_key.raw, KEY_BYTES)
    )
    return hmac.digest(key, tag("invite-proof") + fields.finish(), "sha256")


def check_invite_proof(proof: bytes, secret: bytes, invitation: Invitation) -> None:
    """Check a joiner's proof in constant time. Raises `InviteProofInvalid`."""
    if not hmac.compare_digest(proof, invite_proof(secret, invitation)):
        raise InviteProofInvalid
