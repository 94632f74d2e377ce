"""This device's prekeys: their secrets until they are used or have had their time, and which first messages were seen.

PROTOCOL.md 18.5 and 19.2 to 19.4. Everything happens inside a transaction of the caller, so that a secret is on the
disk before its public half leaves, and is gone with the message that used it.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Final

from secure_chat import limits
from secure_chat.client.direct.prekey_records import (
    FIRST_MESSAGES,
    LEDGER,
    ONE_TIME_PREKEYS,
    Made,
    PrekeyLedger,
    Publication,
    SeenFirstMessage,
    StoredOneTimePrekey,
    WithdrawnSet,
    first_message_row,
    one_time_row,
    set_prefix,
)
from secure_chat.client.vault import login_state
from secure_chat.client.vault.records import SIGNED_PREKEYS, StoredSignedPrekey
from secure_chat.client.vault.tables import SELF, Record, Table
from secure_chat.client.vault.transaction import Transaction
from secure_chat.client.vault.vault import Vault
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.e2ee.prekey_secrets import OneTimePrekeySecret, SignedPrekeySecret
from secure_chat.errors import VaultDamaged

_ROWS_AT_ONCE: Final = 100  # read of a table in one statement


class OwnPrekeys:
    """All prekeys of the device whose vault this is."""

    def __init__(self, vault: Vault, random: Randomness, now_ms: Callable[[], int]) -> None:
        """`now_ms`: milliseconds since 1970 UTC. Raises `VaultDamaged`."""
        self._random = random
        self._now_ms = now_ms
        self._user_id = login_state.account(vault).user_id
        self._device = login_state.own_device(vault).keys

    # --- receiving a first message ---------------------------------------------------------------

    def signed(self, transaction: Transaction, prekey_id: bytes) -> SignedPrekeySecret | None:
        """The signed prekey of that id; None for one that never was or whose time is over."""
        stored = transaction.get(SIGNED_PREKEYS, prekey_id.hex())
        if stored is None or self._is_over(stored.superseded_at):
            return None
        return stored.prekey

    def one_time(self, transaction: Transaction, prekey_id: bytes) -> OneTimePrekeySecret | None:
        """The one-time prekey of that id; None for one that never was, was used, or whose time is over."""
        for row in self._possible_rows(self.ledger(transaction), prekey_id):
            stored = transaction.get(ONE_TIME_PREKEYS, row)
            if stored is not None:
                return stored.prekey
        return None

    def is_replayed(self, transaction: Transaction, signed_prekey_id: bytes, ephemeral_key: bytes) -> bool:
        """Whether a first message with these two has opened before."""
        row = first_message_row(signed_prekey_id, ephemeral_key)
        return transaction.get(FIRST_MESSAGES, row) is not None

    def used(
        self, transaction: Transaction, signed_prekey_id: bytes, one_time_id: bytes | None, ephemeral_key: bytes
    ) -> None:
        """A first message has opened: its one-time secret is destroyed, and a second one with the same key refused."""
        row = first_message_row(signed_prekey_id, ephemeral_key)
        transaction.put(FIRST_MESSAGES, row, SeenFirstMessage(self._now_ms()))
        ledger = self.ledger(transaction)
        if one_time_id is None:
            stored = transaction.get(SIGNED_PREKEYS, signed_prekey_id.hex())
            if stored is not None and stored.superseded_at is None and not ledger.without_one_time_at:
                self._keep(transaction, dataclasses.replace(ledger, without_one_time_at=self._now_ms()))
            return
        for each in self._possible_rows(ledger, one_time_id):
            if transaction.get(ONE_TIME_PREKEYS, each) is not None:
                transaction.delete(ONE_TIME_PREKEYS, each)
                self._keep(transaction, _without(ledger, one_time_id, each))

    # --- starting anew ---------------------------------------------------------------------------

    def destroy_all(self, transaction: Transaction) -> None:
        """Every prekey secret is gone at once, and a new signed prekey waits to replace all that the server has.

        What was begun with the old ones can never be opened.
        """
        ledger = self.ledger(transaction)
        before = _newest_date(transaction)
        _delete_beginning(transaction, SIGNED_PREKEYS, "")
        _delete_beginning(transaction, ONE_TIME_PREKEYS, "")
        _delete_beginning(transaction, FIRST_MESSAGES, "")
        prekey_id = self._new_signed_prekey(transaction, created_after=before)
        anew = PrekeyLedger(
            set_number=ledger.fresh_set + 1,
            offered=Publication(prekey_id, replace=True),
            made=ledger.made,
            early_rotation_at=ledger.early_rotation_at,
        )
        self._keep(transaction, anew)

    # --- keeping them up -------------------------------------------------------------------------

    def ledger(self, transaction: Transaction) -> PrekeyLedger:
        """How things stand."""
        return transaction.get(LEDGER, SELF) or PrekeyLedger()

    def newest_signed(self, transaction: Transaction) -> StoredSignedPrekey:
        """The signed prekey that is, or is about to be, published. Raises `VaultDamaged`."""
        unsuperseded = [each for _, each in transaction.scan(SIGNED_PREKEYS) if each.superseded_at is None]
        if not unsuperseded:
            raise VaultDamaged
        offered = self.ledger(transaction).offered
        for each in unsuperseded:
            if offered is not None and each.prekey.published.prekey.prekey_id == offered.signed_prekey:
                return each
        return max(unsuperseded, key=lambda each: each.prekey.published.prekey.created)

    def rotation_is_due(self, transaction: Transaction) -> bool:
        """Whether the signed prekey is a week old, or was used alone and none was rotated for that in a day."""
        ledger, now = self.ledger(transaction), self._now_ms()
        created = self.newest_signed(transaction).prekey.published.prekey.created
        if not created - limits.MAX_PREKEY_AHEAD_MS <= now < created + limits.SIGNED_PREKEY_ROTATION_MS:
            return True
        return bool(ledger.without_one_time_at) and now >= ledger.early_rotation_at + limits.EARLY_ROTATION_MS

    def replacement_is_due(self, transaction: Transaction) -> bool:
        """Whether the set of one-time prekeys is 60 days old."""
        since = self.ledger(transaction).set_since
        return bool(since) and self._now_ms() >= since + limits.ONE_TIME_PREKEYS_SET_MS

    def may_make(self, transaction: Transaction, *, of_next_set: bool = False) -> int:
        """How many more one-time prekeys may be made now, whatever a server claims to have handed out."""
        ledger, since = self.ledger(transaction), self._now_ms() - limits.DAY_MS
        today = sum(each.count for each in ledger.made if since < each.at)
        live = len(ledger.fresh) if of_next_set or ledger.replacing else ledger.live
        return max(0, min(limits.ONE_TIME_PREKEYS_A_DAY - today, limits.ONE_TIME_PREKEYS_LIVE - live))

    def make(self, transaction: Transaction, count: int) -> None:
        """Make one-time prekeys, to be published later. `count`: at most what `may_make` says."""
        now, ledger = self._now_ms(), self.ledger(transaction)
        fresh = list(ledger.fresh)
        for _ in range(count):
            prekey = OneTimePrekeySecret.generate(self._device, self._user_id, self._random)
            fresh.append(prekey.published.prekey.prekey_id)
            row = one_time_row(ledger.fresh_set, fresh[-1])
            transaction.put(ONE_TIME_PREKEYS, row, StoredOneTimePrekey.of(prekey))
        recent = tuple(each for each in ledger.made if now - limits.DAY_MS < each.at)
        live = ledger.live if ledger.replacing else ledger.live + count
        made = (*recent, Made(now, count))
        self._keep(transaction, dataclasses.replace(ledger, fresh=tuple(fresh), live=live, made=made))

    def begin_replacement(self, transaction: Transaction) -> None:
        """What is made from now on belongs to the next set. Nothing may be fresh yet."""
        self._keep(transaction, dataclasses.replace(self.ledger(transaction), replacing=True))

    def offer(self, transaction: Transaction, *, rotate: bool) -> None:
        """Decide what the server is told: what is fresh, in place of all others if a set is being replaced.

        `rotate`: a new signed prekey with it. A replacement always has one, for by its id the server's next welcome
        tells whether it arrived.
        """
        ledger, now = self.ledger(transaction), self._now_ms()
        prekey_id = b""
        if rotate or ledger.replacing:
            before = self.newest_signed(transaction).prekey.published.prekey.created
            prekey_id = self._new_signed_prekey(transaction, created_after=before)
            early = ledger.without_one_time_at
            ledger = dataclasses.replace(
                ledger, without_one_time_at=0, early_rotation_at=now if early else ledger.early_rotation_at
            )
        offered = Publication(prekey_id, replace=ledger.replacing)
        self._keep(transaction, dataclasses.replace(ledger, offered=offered))

    def offer_again(self, transaction: Transaction) -> None:
        """The server shows another signed prekey than the newest: it is told once more."""
        prekey_id = self.newest_signed(transaction).prekey.published.prekey.prekey_id
        self._keep(transaction, dataclasses.replace(self.ledger(transaction), offered=Publication(prekey_id)))

    def take_over(self, transaction: Transaction) -> bool:
        """The server has prekeys that this vault never made: another copy published them.

        A new signed prekey replaces all of them at once; one-time ones follow.
        False: that was done, or the signed prekey rotated early, within a day; nothing has changed.
        """
        ledger, now = self.ledger(transaction), self._now_ms()
        if now < ledger.early_rotation_at + limits.EARLY_ROTATION_MS:
            return False
        for each in ledger.fresh:
            transaction.delete(ONE_TIME_PREKEYS, one_time_row(ledger.fresh_set, each))
        live = ledger.live if ledger.replacing else ledger.live - len(ledger.fresh)
        prekey_id = self._new_signed_prekey(transaction, created_after=_newest_date(transaction))
        anew = dataclasses.replace(
            ledger,
            fresh=(),
            live=live,
            replacing=True,
            offered=Publication(prekey_id, replace=True),
            without_one_time_at=0,
            early_rotation_at=now,
        )
        self._keep(transaction, anew)
        return True

    def is_own(self, transaction: Transaction, prekey_id: bytes) -> bool:
        """Whether this vault has the signed prekey of that id, present or superseded."""
        return transaction.get(SIGNED_PREKEYS, prekey_id.hex()) is not None

    def offered(self, transaction: Transaction) -> tuple[bytes, tuple[bytes, ...], bool] | None:
        """What the server is to be told: SPK or nothing, OTPs, and whether they replace all others. None: nothing."""
        ledger = self.ledger(transaction)
        if ledger.offered is None:
            return None
        signed = b""
        if ledger.offered.signed_prekey:
            stored = transaction.get(SIGNED_PREKEYS, ledger.offered.signed_prekey.hex())
            if stored is None:
                raise VaultDamaged
            signed = stored.published
        rows = (transaction.get(ONE_TIME_PREKEYS, one_time_row(ledger.fresh_set, each)) for each in ledger.fresh)
        return signed, tuple(row.published for row in rows if row is not None), ledger.offered.replace

    def confirmed(self, transaction: Transaction) -> None:
        """The server has what it was offered: from now on the time of what came before it runs out."""
        ledger, now = self.ledger(transaction), self._now_ms()
        if ledger.offered is None:
            return
        if ledger.offered.signed_prekey:
            self._supersede_all_but(transaction, ledger.offered.signed_prekey.hex(), now)
        withdrawn, live, since = ledger.withdrawn, ledger.live, ledger.set_since
        if ledger.replacing:
            withdrawn, live, since = (*withdrawn, WithdrawnSet(ledger.set_number, now)), len(ledger.fresh), now
        elif not since and ledger.fresh:
            since = now
        settled = dataclasses.replace(
            ledger,
            set_number=ledger.fresh_set,
            set_since=since,
            live=live,
            fresh=(),
            replacing=False,
            offered=None,
            withdrawn=withdrawn,
        )
        self._keep(transaction, settled)

    def refused(self, transaction: Transaction) -> None:
        """The server will not have what it was offered: the one-time ones are made anew, and so is the signed one."""
        ledger = self.ledger(transaction)
        if ledger.offered is None:
            return
        for each in ledger.fresh:
            transaction.delete(ONE_TIME_PREKEYS, one_time_row(ledger.fresh_set, each))
        live = ledger.live if ledger.replacing else ledger.live - len(ledger.fresh)
        # Without a new signed prekey nothing is left to be told.
        offered = dataclasses.replace(ledger.offered, refused=True) if ledger.offered.signed_prekey else None
        self._keep(transaction, dataclasses.replace(ledger, fresh=(), live=live, offered=offered))

    def mend_refused(self, transaction: Transaction) -> None:
        """Put a new signed prekey in place of one that the server would not have; its date may have been wrong."""
        ledger = self.ledger(transaction)
        if ledger.offered is None or not ledger.offered.refused:
            return
        transaction.delete(SIGNED_PREKEYS, ledger.offered.signed_prekey.hex())
        prekey_id = self._new_signed_prekey(transaction, created_after=_newest_date(transaction))
        offered = Publication(prekey_id, replace=ledger.offered.replace)
        self._keep(transaction, dataclasses.replace(ledger, offered=offered))

    def destroy_expired(self, transaction: Transaction) -> None:
        """Destroy the secrets whose 40 days are over, and the replay cache of a signed prekey with it."""
        for row, stored in transaction.scan(SIGNED_PREKEYS):
            if self._is_over(stored.superseded_at):
                transaction.delete(SIGNED_PREKEYS, row)
                _delete_beginning(transaction, FIRST_MESSAGES, f"{row}-")
        ledger = self.ledger(transaction)
        over = [each for each in ledger.withdrawn if self._is_over(each.at)]
        for each in over:
            _delete_beginning(transaction, ONE_TIME_PREKEYS, set_prefix(each.number))
        if over:
            left = tuple(each for each in ledger.withdrawn if each not in over)
            self._keep(transaction, dataclasses.replace(ledger, withdrawn=left))

    # --- inside ----------------------------------------------------------------------------------

    def _is_over(self, since: int | None) -> bool:
        return since is not None and self._now_ms() >= since + limits.OLD_PREKEY_SECRET_MS

    def _possible_rows(self, ledger: PrekeyLedger, prekey_id: bytes) -> Iterator[str]:
        numbers = {ledger.set_number, ledger.fresh_set}
        numbers.update(each.number for each in ledger.withdrawn if not self._is_over(each.at))
        return (one_time_row(number, prekey_id) for number in sorted(numbers))

    def _new_signed_prekey(self, transaction: Transaction, *, created_after: int | None) -> bytes:
        now = self._now_ms()
        created = now
        # Who has seen the one before refuses an older one. A date that nobody has taken is no measure.
        if created_after is not None and created_after <= now + limits.MAX_PREKEY_AHEAD_MS:
            created = max(now, created_after + 1)
        prekey = SignedPrekeySecret.generate(self._device, self._user_id, self._random, created)
        prekey_id = prekey.published.prekey.prekey_id
        transaction.put(SIGNED_PREKEYS, prekey_id.hex(), StoredSignedPrekey.of(prekey))
        return prekey_id

    def _supersede_all_but(self, transaction: Transaction, newest_row: str, now: int) -> None:
        for row, stored in transaction.scan(SIGNED_PREKEYS):
            if row != newest_row and stored.superseded_at is None:
                transaction.put(SIGNED_PREKEYS, row, dataclasses.replace(stored, superseded_at=now))

    def _keep(self, transaction: Transaction, ledger: PrekeyLedger) -> None:
        transaction.put(LEDGER, SELF, ledger)


def _newest_date(transaction: Transaction) -> int | None:
    return max((each.prekey.published.prekey.created for _, each in transaction.scan(SIGNED_PREKEYS)), default=None)


def _without(ledger: PrekeyLedger, prekey_id: bytes, row: str) -> PrekeyLedger:
    fresh = tuple(each for each in ledger.fresh if each != prekey_id)
    counted = row.startswith(set_prefix(ledger.set_number))
    return dataclasses.replace(ledger, fresh=fresh, live=ledger.live - 1 if counted else ledger.live)


def _delete_beginning(transaction: Transaction, table: Table[Record], prefix: str) -> None:
    while found := transaction.scan(table, after=prefix, limit=_ROWS_AT_ONCE):
        mine = [row for row, _ in found if row.startswith(prefix)]
        for row in mine:
            transaction.delete(table, row)
        if len(mine) < _ROWS_AT_ONCE:
            return
