"""What a link pins, the key log's key and the inviter, and what its holder proves to the inviter.

PROTOCOL.md, "Links". 128 bits suffice: only a second preimage helps an attacker, never a collision.
"""

import hashlib
import hmac
from typing import Final

from secure_chat.directory.keys import KEY_BYTES, USER_ID_BYTES, IdentityPublicKey, UserId
from secure_chat.encoding import Writer, tag

PIN_BYTES: Final = 16


def log_pin(log_key: bytes) -> bytes:
    """SHA-256(T("log-pin") || log_key)[:16]; `log_key`: 32 bytes, Ed25519 public key of the key log."""
    return _pin(Writer().rest(tag("log-pin")).fixed(log_key, KEY_BYTES))


def inviter_pin(user_id: UserId, name: str, identity_key: IdentityPublicKey) -> bytes:
    """SHA-256(T("inviter-pin") || user_id 16, name str, UIK 32)[:16]; `name` in its mapped form."""
    writer = Writer().rest(tag("inviter-pin")).identifier(user_id, USER_ID_BYTES).text(name)
    return _pin(writer.fixed(identity_key.raw, KEY_BYTES))


def invite_proof_payload(
    token_hash: bytes,
    inviter: tuple[UserId, IdentityPublicKey],
    joiner: tuple[UserId, str, IdentityPublicKey],
) -> bytes:
    """The message of the joiner's proof, which is HMAC-SHA-256 of it under the secret of the link.

    T("invite-proof") || token_hash 32, inviter's user_id 16, UIK 32, joiner's user_id 16, name str, UIK 32;
    `token_hash`: SHA-256 of the link's token.
    """
    inviter_id, inviter_key = inviter
    joiner_id, joiner_name, joiner_key = joiner
    writer = Writer().rest(tag("invite-proof")).fixed(token_hash, 32)
    writer.identifier(inviter_id, USER_ID_BYTES).fixed(inviter_key.raw, KEY_BYTES)
    writer.identifier(joiner_id, USER_ID_BYTES).text(joiner_name).fixed(joiner_key.raw, KEY_BYTES)
    return writer.finish()


def pins_match(one: bytes, other: bytes) -> bool:
    """Compare two pins in constant time."""
    return hmac.compare_digest(one, other)


def _pin(writer: Writer) -> bytes:
    return hashlib.sha256(writer.finish()).digest()[:PIN_BYTES]
