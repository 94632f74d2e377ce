"""The shelf of prekeys: what a device puts there, and that each one-time prekey is handed out once.

PROTOCOL.md 5.3 and 19. A one-time prekey that was handed out or withdrawn leaves its id behind: it never comes back.
"""

import hmac
from collections.abc import Sequence
from typing import Final

from secure_chat.directory.prekeys import (
    PREKEY_ID_BYTES,
    PublishedSignedPrekey,
    SeenPrekey,
    check_fresh,
    check_not_behind,
)
from secure_chat.errors import PrekeyError, PrekeysFull, RateLimited, TokenUnknown
from secure_chat.limits import (
    DAY_MS,
    ONE_TIME_PREKEYS_A_DAY,
    ONE_TIME_PREKEYS_LIVE,
    ONE_TIME_PREKEYS_REFILL_AT,
    ONE_TIME_PREKEYS_RESERVED,
    PREKEY_CLAIM_PAUSE_SECONDS,
    PREKEY_CLAIMS_PER_HOUR,
)
from secure_chat.protocol.events import PrekeyBundle
from secure_chat.storage.decisions.device_keys import keep_signed_prekey
from secure_chat.storage.decisions.direct import reachable
from secure_chat.storage.draft import Draft
from secure_chat.storage.entries import ClaimPrekeys, PublishPrekeys
from secure_chat.storage.outcomes import Bundles, PrekeysKept, PrekeysRunLow
from secure_chat.storage.queries import people
from secure_chat.storage.queries import shelf as queries
from secure_chat.storage.state import Account

HOUR_MS: Final = 60 * 60 * 1000
MS_PER_SECOND: Final = 1000
PAUSE_MS: Final = PREKEY_CLAIM_PAUSE_SECONDS * MS_PER_SECOND


# --- putting prekeys there -------------------------------------------------------------------------


def publish(entry: PublishPrekeys, draft: Draft) -> PrekeysKept:
    """A newer signed prekey, more one-time prekeys; what is there already stays, what was there never comes back."""
    draft.acting_device(entry.account, entry.device)
    device = draft.one(people.DEVICE, account=entry.account, device_id=entry.device)
    if device is None or not hmac.compare_digest(device[0], entry.signing_key):
        raise TokenUnknown
    signed = _newer_signed_prekey(entry, draft)
    here = _shelf(draft, entry.account, entry.device)
    offered = _by_id(entry.one_time)
    new = _not_here_before(entry, draft, here, offered)
    withdrawn = [prekey_id for prekey_id in here if prekey_id not in offered] if entry.replace else []
    live = len(here) - len(withdrawn) + len(new)
    _check_limits(entry, draft, live=live, new=len(new))
    if signed:
        keep_signed_prekey(draft, entry.account, entry.device, entry.signed_prekey)
    for prekey_id in withdrawn:
        _spend(draft, entry.account, entry.device, prekey_id, here[prekey_id][1], None)
    for prekey_id in new:
        draft.insert(queries.ADD, entry.account, entry.device, prekey_id, offered[prekey_id], draft.now_ms)
    return PrekeysKept(live)


def _newer_signed_prekey(entry: PublishPrekeys, draft: Draft) -> bool:
    """Whether there is one to keep. Raises `PrekeyError` for one that must not take the place of what is there."""
    row = draft.one(queries.SIGNED, account=entry.account, device_id=entry.device)
    if not entry.signed_prekey or (row is not None and row[0] == entry.signed_prekey):
        return False
    prekey = PublishedSignedPrekey.parse(entry.signed_prekey).prekey
    check_fresh(prekey, draft.now_ms)
    if row is not None:
        newest = PublishedSignedPrekey.parse(row[0]).prekey
        check_not_behind(prekey, SeenPrekey().including(newest))
        if prekey.prekey_id == newest.prekey_id:
            raise PrekeyError("This signed prekey has the id of another one.")
    return True


def _shelf(draft: Draft, account: int, device: int) -> dict[bytes, tuple[bytes, int]]:
    """One-time prekeys and when they came, by id."""
    rows = draft.all(queries.ON_SHELF, account=account, device_id=device)
    return {prekey_id: (prekey, received) for prekey_id, prekey, received in rows}


def _by_id(one_time: Sequence[bytes]) -> dict[bytes, bytes]:
    offered = {prekey[:PREKEY_ID_BYTES]: prekey for prekey in one_time}
    if len(offered) != len(one_time):
        raise PrekeyError("Two one-time prekeys of this upload have one id.")
    return offered


def _not_here_before(
    entry: PublishPrekeys, draft: Draft, here: dict[bytes, tuple[bytes, int]], offered: dict[bytes, bytes]
) -> list[bytes]:
    """Ids of those to be put there, in the order in which they came. Raises `PrekeyError`."""
    new: list[bytes] = []
    for prekey_id, prekey in offered.items():
        if prekey_id in here:
            if here[prekey_id][0] != prekey:
                raise PrekeyError("A one-time prekey has the id of another one.")
        elif draft.one(queries.IS_SPENT, account=entry.account, device_id=entry.device, prekey_id=prekey_id) is None:
            new.append(prekey_id)
    return new


def _check_limits(entry: PublishPrekeys, draft: Draft, *, live: int, new: int) -> None:
    """Raises `PrekeysFull`, or `RateLimited` until enough of the last day's are older than a day."""
    if not new:
        return
    if live > ONE_TIME_PREKEYS_LIVE:
        raise PrekeysFull(f"A shelf holds at most {ONE_TIME_PREKEYS_LIVE} one-time prekeys.")
    since = draft.now_ms - DAY_MS
    rows = draft.all(queries.RECEIVED_SINCE, account=entry.account, device_id=entry.device, since=since)
    over = len(rows) + new - ONE_TIME_PREKEYS_A_DAY
    if over > 0:
        times = sorted(received for (received,) in rows)
        free_at = times[min(over, len(times)) - 1] + DAY_MS
        raise RateLimited(
            f"A device publishes at most {ONE_TIME_PREKEYS_A_DAY} one-time prekeys a day.",
            retry_after=max(1, free_at - draft.now_ms) / MS_PER_SECOND,
        )


# --- handing them out ------------------------------------------------------------------------------


def claim(entry: ClaimPrekeys, draft: Draft) -> Bundles:
    """What is needed to open a session with each of these devices; those without keys are absent."""
    requester = draft.actor(entry.account)
    owner = reachable(draft, entry.user_id)
    listed = draft.listed(owner.number)
    bundles: list[PrekeyBundle] = []
    for device in dict.fromkeys(entry.devices):
        row = draft.one(queries.SIGNED, account=owner.number, device_id=device) if device in listed else None
        if row is not None:
            bundles.append(PrekeyBundle(device, row[0], _one_time_prekey(draft, requester, owner, device)))
    return Bundles(entry.user_id, tuple(bundles))


def _one_time_prekey(draft: Draft, requester: Account, owner: Account, device: int) -> bytes:
    """The oldest on the shelf, which is not there any more then; nothing beyond what the requester may have."""
    granted = draft.all(queries.GRANTED_SINCE, requester=requester.number, since=draft.now_ms - HOUR_MS)
    if len(granted) >= PREKEY_CLAIMS_PER_HOUR:
        return b""
    pause_began = draft.now_ms - PAUSE_MS
    if any(row[:2] == (owner.number, device) and row[2] > pause_began for row in granted):
        return b""
    live = _live(draft, owner.number, device)
    if live <= _reserved_from(draft, requester, owner):
        return b""
    row = draft.one(queries.OLDEST, account=owner.number, device_id=device)
    if row is None:
        return b""
    prekey_id, prekey, received = row
    _spend(draft, owner.number, device, prekey_id, received, requester.number)
    if live - 1 <= ONE_TIME_PREKEYS_REFILL_AT:
        draft.announce(PrekeysRunLow(owner.number, device, live - 1))
    granted_prekey: bytes = prekey
    return granted_prekey


def _reserved_from(draft: Draft, requester: Account, owner: Account) -> int:
    """How many of the last ones are not for this requester."""
    if requester.number == owner.number or draft.mail.has_written(owner.number, requester.number):
        return 0
    return ONE_TIME_PREKEYS_RESERVED


def _live(draft: Draft, account: int, device: int) -> int:
    row = draft.one(queries.LIVE, account=account, device_id=device)
    return row[0] if row else 0


def _spend(draft: Draft, account: int, device: int, prekey_id: bytes, received: int, requester: int | None) -> None:
    draft.write(queries.REMOVE, account=account, device_id=device, prekey_id=prekey_id)
    draft.insert(queries.ADD_SPENT, account, device, prekey_id, requester, received, draft.now_ms)
