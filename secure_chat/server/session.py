"""Who a connection speaks for, once it is known."""

import msgspec

from secure_chat.protocol.states import Role


class Session(msgspec.Struct, frozen=True, gc=False):
    """A connection in the state READY: one device of one account. `account` is the account's row number."""

    account: int
    device: int
    user_id: bytes  # 16
    name: str
    role: Role


class LimitedSession(msgspec.Struct, frozen=True, gc=False):
    """A connection in the state LIMITED: the passphrase was right, but no device has spoken."""

    account: int
    user_id: bytes  # 16
    name: str
    password_hash: bytes = b""  # which it was right against; a recovery needs that this still holds

    def __repr__(self) -> str:
        return f"LimitedSession(account={self.account}, name={self.name!r})"
