"""Families of resume tokens: one for each device, rotated in two phases, revoked when a spent token is shown.

PROTOCOL.md, "Resume tokens". Only hashes are here. Of a family the current token is good, and so is the pending one,
whose use confirms it; then the current one is spent.
"""

import hmac

import msgspec

from secure_chat.errors import TokenReused, TokenUnknown
from secure_chat.limits import (
    DAY_MS,
    RESUME_TOKEN_IDLE_DAYS,
    RESUME_TOKEN_REUSE_GRACE_SECONDS,
    RESUME_TOKEN_ROTATION_HOURS,
)
from secure_chat.storage.draft import Draft
from secure_chat.storage.outcomes import SessionsEnded
from secure_chat.storage.queries import sessions as queries

ROTATION_MS = RESUME_TOKEN_ROTATION_HOURS * 60 * 60 * 1000
IDLE_MS = RESUME_TOKEN_IDLE_DAYS * DAY_MS
GRACE_MS = RESUME_TOKEN_REUSE_GRACE_SECONDS * 1000


class Family(msgspec.Struct, frozen=True, gc=False):
    """One device's tokens, as hashes."""

    number: int
    account: int
    device: int
    current_hash: bytes
    pending_hash: bytes | None
    issued: int
    last_used: int
    revoked: int | None


def start_family(draft: Draft, account: int, device: int, token_hash: bytes) -> None:
    """A login by passphrase: the device's tokens so far end, this is the first of a new family."""
    draft.write(queries.END_DEVICE, account=account, device_id=device)
    now = draft.now_ms
    draft.insert(queries.ADD_FAMILY, account, device, token_hash, None, now, now, now, None)


def family_of(draft: Draft, token_hash: bytes) -> Family:
    """The live family of a current or pending token.

    Raises `TokenUnknown`, or `TokenReused` for the tokens of a family that was revoked.
    """
    row = draft.one(queries.FAMILY, token_hash=token_hash)
    if row is None:
        raise TokenUnknown
    family = Family(*row)
    if family.revoked is not None:
        raise TokenReused
    if family.last_used < draft.now_ms - IDLE_MS:
        raise TokenUnknown
    return family


def revoke_if_spent(draft: Draft, token_hash: bytes) -> bool:
    """Whether the token is one whose successor was confirmed over a minute ago: then its whole family is revoked.

    Raises `TokenUnknown` for a token that is not known at all, and within that minute.
    """
    row = draft.one(queries.SPENT, token_hash=token_hash)
    if row is None:
        return False
    family, account, device, revoked, confirmed = row
    if draft.now_ms <= confirmed + GRACE_MS:
        return False
    if revoked is None:
        draft.write(queries.REVOKE, family=family, now=draft.now_ms)
        draft.announce(SessionsEnded(account, TokenReused(), device=device))
    return True


def use(draft: Draft, family: Family, token_hash: bytes, successor_hash: bytes) -> bool:
    """A resume by this token of the family; tells whether the successor is pending now and must be sent."""
    draft.write(queries.SET_LAST_USED, of_account=family.account, of_device=family.device, now=draft.now_ms)
    if is_pending(family, token_hash):
        confirm(draft, family)
        return False
    if draft.now_ms < family.issued + ROTATION_MS:
        return False
    draft.write(queries.SET_PENDING, family=family.number, new_hash=successor_hash)
    return True


def confirm(draft: Draft, family: Family) -> None:
    """The device has its pending token on disk: the current one is spent."""
    draft.insert(queries.ADD_SPENT, family.current_hash, family.number, draft.now_ms)
    draft.write(queries.CONFIRM, family=family.number, new_hash=family.pending_hash, now=draft.now_ms)


def is_pending(family: Family, token_hash: bytes) -> bool:
    """Whether it is the family's pending token, not its current one."""
    return family.pending_hash is not None and hmac.compare_digest(family.pending_hash, token_hash)


def end_device(draft: Draft, account: int, device: int) -> None:
    """No token of this device is good any more."""
    draft.write(queries.FORGET_SPENT_OF_DEVICE, of_account=account, of_device=device)
    draft.write(queries.RETIRE_DEVICE, of_account=account, of_device=device, now=draft.now_ms)


def end_others(draft: Draft, account: int, device: int) -> None:
    """No token of the account's other devices is good any more."""
    draft.write(queries.FORGET_SPENT_OF_OTHERS, of_account=account, of_device=device)
    draft.write(queries.RETIRE_OTHERS, of_account=account, of_device=device, now=draft.now_ms)


def end_all(draft: Draft, account: int) -> None:
    """No token of the account is good any more."""
    draft.write(queries.FORGET_SPENT_OF_ALL, of_account=account)
    draft.write(queries.RETIRE_ALL, of_account=account, now=draft.now_ms)


def touch(draft: Draft, account: int, device: int) -> None:
    """The device was here until now."""
    draft.write(queries.SET_LAST_USED, of_account=account, of_device=device, now=draft.now_ms)
