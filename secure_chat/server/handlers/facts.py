"""What handlers know of the server beside the connection that asks."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Immutable; a reload makes another one. `draw`: so many random bytes."""

    server_id: bytes  # 32
    registration: str  # closed, invite, open
    bcrypt_cost: int
    invites_by_members: bool = True
    draw: Callable[[int], bytes] = secrets.token_bytes
