"""The inviter's pin in a link: what the identity that the server shows for the inviter must hash to.

PROTOCOL.md 3. 128 bits suffice: only a second preimage helps an attacker, never a collision.
"""

import hashlib
from typing import Final

from secure_chat.directory.keys import KEY_BYTES, USER_ID_BYTES, IdentityPublicKey, UserId
from secure_chat.encoding import Writer, tag

PIN_BYTES: Final = 16


def inviter_pin(user_id: UserId, name: str, identity_key: IdentityPublicKey) -> bytes:
    """SHA-256(T("inviter-pin") || user_id 16, name str, UIK 32)[:16]; `name` in its mapped form."""
    writer = Writer().rest(tag("inviter-pin")).identifier(user_id, USER_ID_BYTES).text(name)
    return hashlib.sha256(writer.fixed(identity_key.raw, KEY_BYTES).finish()).digest()[:PIN_BYTES]
