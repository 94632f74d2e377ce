"""How much waits for each device, in memory, and what a batch makes of mailboxes, their log and ids of envelopes.

`MailState` is what the disk holds, no more. Rows of a batch are collected and written together at its end: until then
no decision of the same batch reads them from the disk.
"""

import struct
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from secure_chat.limits import MAX_KNOWN_ENVELOPES, MAX_KNOWN_PAIRS, MAX_KNOWN_PLACES
from secure_chat.storage.database import Database
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.statements import Value

DIGEST_BYTES: Final = 16
_SENT_AS: Final = struct.Struct(">QI16s").pack  # an `EnvelopeKey` in few bytes: two senders may use one id

DeviceKey: TypeAlias = tuple[int, int]
"""An account's row number and the number of one of its devices."""
EnvelopeKey: TypeAlias = tuple[int, int, bytes]
"""An account, one of its devices, and the id that the sender gave to an envelope."""
Route: TypeAlias = tuple[DeviceKey, DeviceKey]
"""From the recipient's device, whose mailbox it is, to the sender's."""
Place: TypeAlias = tuple[int, DeviceKey]
"""The number of an envelope in its mailbox, and whose device has sent it."""
Pair: TypeAlias = tuple[int, int]
"""The account that has written, and the one that it has written to."""


class SentEnvelope(msgspec.Struct, frozen=True, gc=False):
    """An envelope that was taken before: a digest of its bytes, and when that was."""

    digest: bytes  # 16
    time: int  # milliseconds since 1970 UTC


class MailState:
    """Numbers of what waits, by recipient's and sender's device; the newest number; and, so that most requests need no
    look at the disk, ids of envelopes, where they lie, and pairs that have corresponded.
    """

    def __init__(self, database: Database) -> None:
        """Read it from the disk."""
        self.waiting: dict[DeviceKey, dict[DeviceKey, int]] = {}
        self.pairs: set[Pair] = set()  # not all of them
        self.places: dict[EnvelopeKey, Place] = {}  # by recipient; of some of what waits
        self.recent: dict[EnvelopeKey, SentEnvelope] = _in_the_log(database)  # by sender; not in their table yet
        self.envelope_ids: set[bytes] | None = _known_ids(
            database
        )  # with their senders; None: more than are remembered
        for account, device, sender, sender_device, count in database.all(queries.WAITING):
            self.waiting.setdefault((account, device), {})[sender, sender_device] = count
        rows = (database.one(queries.NEWEST), database.one(queries.MARK))
        self.newest: int = max(row[0] for row in (*rows, (0,)) if row)  # a number is never used again

    def set_waiting(self, route: Route, count: int) -> None:
        """So much of this sender's device waits for this recipient's."""
        recipient, sender = route
        senders = self.waiting.setdefault(recipient, {})
        if count:
            senders[sender] = count
        else:
            senders.pop(sender, None)
            if not senders:
                del self.waiting[recipient]

    def forget_place(self, key: EnvelopeKey, sender: DeviceKey) -> None:
        """This envelope of this sender's device, by its recipient, does not wait any more."""
        self.places.pop(key, None)
        route = (key[:2], sender)
        self.set_waiting(route, self.waiting[route[0]][sender] - 1)

    def forget_device(self, recipient: DeviceKey) -> None:
        """Nothing waits for it any more."""
        if self.waiting.pop(recipient, None) is not None:
            self.places = {key: place for key, place in self.places.items() if key[:2] != recipient}

    def adopt(self, sent: Mapping[EnvelopeKey, SentEnvelope], places: Mapping[EnvelopeKey, Place]) -> None:
        """The disk has these."""
        self.recent.update(sent)
        if len(self.places) + len(places) > MAX_KNOWN_PLACES:
            self.places.clear()
        self.places.update(places)

    def move_ids(self, database: Database) -> None:
        """Put the ids that are in the log alone into their table, in a transaction of its own.

        A table of random ids takes a page for each of its rows; many at a time share some.
        """
        with database.transaction():
            mark = _moved(database)
            database.execute(queries.MOVE, mark=mark)
            database.execute(queries.FORGET_DIGESTS, mark=mark)
            database.execute(queries.SET_MOVED, row=self.newest)
        if self.envelope_ids is not None:
            self.envelope_ids.update([_SENT_AS(*key) for key in self.recent])
            if len(self.envelope_ids) > MAX_KNOWN_ENVELOPES:
                self.envelope_ids = None
        self.recent.clear()

    def forget_ids(self, sent: Iterable[EnvelopeKey]) -> None:
        """These are sent no more, each by this sender."""
        if self.envelope_ids is not None:
            self.envelope_ids.difference_update([_SENT_AS(*key) for key in sent])

    def know_pairs(self, pairs: set[Pair]) -> None:
        """These have corresponded; who is forgotten costs a look at the disk."""
        if len(self.pairs) + len(pairs) > MAX_KNOWN_PAIRS:
            self.pairs.clear()
        self.pairs |= pairs


def _in_the_log(database: Database) -> dict[EnvelopeKey, SentEnvelope]:
    return {
        (account, device, envelope_id): SentEnvelope(digest, time)
        for account, device, envelope_id, digest, time in database.all(queries.IN_THE_LOG, mark=_moved(database))
    }


def _moved(database: Database) -> int:
    row = database.one(queries.MOVED)
    return row[0] if row else 0


def _known_ids(database: Database) -> set[bytes] | None:
    rows = database.all(queries.SENT_IDS, rows=MAX_KNOWN_ENVELOPES + 1)
    return None if len(rows) > MAX_KNOWN_ENVELOPES else {_SENT_AS(*row) for row in rows}


class MailDraft:
    """The mail of one batch on its way."""

    def __init__(self, state: MailState, database: Database, now_ms: int) -> None:
        self._state = state
        self._database = database
        self._now_ms = now_ms
        self._newest = state.newest
        self._waiting: dict[Route, int] = {}  # in place of what the state says
        self._emptied: set[DeviceKey] = set()  # what the state says of these is over
        self._sent: dict[EnvelopeKey, SentEnvelope] = {}  # by sender
        self._places: dict[EnvelopeKey, Place] = {}  # by recipient
        self._removed: set[int] = set()  # numbers of what was acknowledged
        self._pairs: set[Pair] = set()
        self._mail_rows: list[tuple[Value, ...]] = []
        self._log_rows: list[tuple[Value, ...]] = []
        self._delivered_rows: list[tuple[Value, ...]] = []
        self._removed_rows: list[tuple[Value, ...]] = []

    def copy(self) -> "MailDraft":
        """A draft that can be thrown away by itself. All rows so far have been written."""
        copy = MailDraft(self._state, self._database, self._now_ms)
        copy._newest = self._newest
        copy._waiting, copy._emptied = dict(self._waiting), set(self._emptied)
        copy._sent, copy._places = dict(self._sent), dict(self._places)
        copy._removed, copy._pairs = set(self._removed), set(self._pairs)
        return copy

    # --- what entries see ------------------------------------------------------------------------

    def waiting(self, recipient: DeviceKey, sender: DeviceKey) -> int:
        """How many envelopes of this sender's device wait for this recipient's."""
        count = self._waiting.get((recipient, sender))
        if count is not None:
            return count
        return 0 if recipient in self._emptied else self._state.waiting.get(recipient, {}).get(sender, 0)

    def has_mail(self, recipient: DeviceKey) -> bool:
        """Whether anything waits for this device."""
        counts = {} if recipient in self._emptied else dict(self._state.waiting.get(recipient, {}))
        counts.update({sender: count for (device, sender), count in self._waiting.items() if device == recipient})
        return any(counts.values())

    def sent(self, account: int, device: int, envelope_id: bytes) -> SentEnvelope | None:
        """What this device has sent under this id, in this batch or in the last 48 hours."""
        key = (account, device, envelope_id)
        sent = self._sent.get(key) or self._state.recent.get(key)
        if sent is not None:
            return sent
        ids = self._state.envelope_ids
        if ids is not None and _SENT_AS(account, device, envelope_id) not in ids:
            return None
        row = self._database.one(queries.SENT, account=account, device_id=device, envelope_id=envelope_id)
        return SentEnvelope(*row) if row else None

    def has_written(self, sender: int, recipient: int) -> bool:
        """Whether the first account has ever sent the second one anything."""
        pair = (sender, recipient)
        if pair in self._pairs or pair in self._state.pairs:
            return True
        if self._database.one(queries.HAS_WRITTEN, sender=sender, recipient=recipient) is None:
            return False
        self._state.know_pairs({pair})  # the disk says so
        return True

    # --- what entries leave behind ---------------------------------------------------------------

    def put(
        self, sender: DeviceKey, recipient: DeviceKey, envelope_id: bytes, digest: bytes, size: int, frame: bytes
    ) -> int:
        """Into the recipient's mailbox; tells its number there, which rises.

        `size`: bytes of the envelope; `digest`: 16 bytes of it; `frame`: what the device will receive.
        """
        self._newest = mail_id = self._newest + 1
        now = self._now_ms
        from_account, from_device = sender
        to_account, to_device = recipient
        self._waiting[recipient, sender] = self.waiting(recipient, sender) + 1
        self._mail_rows.append((mail_id, to_account, to_device, envelope_id, from_account, from_device, now, frame))
        self._log_rows.append(
            (mail_id, envelope_id, from_account, from_device, to_account, to_device, size, now, None, digest)
        )
        self._sent[from_account, from_device, envelope_id] = SentEnvelope(digest, now)
        self._places[to_account, to_device, envelope_id] = (mail_id, sender)
        return mail_id

    def note_written(self, sender: int, recipient: int) -> None:
        """The first account has sent the second one something."""
        if not self.has_written(sender, recipient):
            self._database.insert(queries.ADD_CORRESPONDENT, (sender, recipient))
            self._pairs.add((sender, recipient))

    def remove(self, recipient: DeviceKey, envelope_id: bytes) -> None:
        """The recipient's device has it; nothing happens where nothing of this id waits."""
        for mail_id, sender in self._places_of(recipient, envelope_id):
            if mail_id in self._removed:
                continue
            self._removed.add(mail_id)
            self._waiting[recipient, sender] = self.waiting(recipient, sender) - 1
            self._removed_rows.append((mail_id,))
            self._delivered_rows.append((self._now_ms, mail_id))

    def _places_of(self, recipient: DeviceKey, envelope_id: bytes) -> list[Place]:
        """Where envelopes of this id wait: mostly one. What the same batch has put there is not among them."""
        account, device = recipient
        place = self._state.places.pop((account, device, envelope_id), None)  # needed once; the disk says the same
        if place is not None and recipient not in self._emptied:
            return [place]
        rows = self._database.all(queries.PLACES, account=account, device_id=device, envelope_id=envelope_id)
        return [(mail_id, (sender, sender_device)) for mail_id, sender, sender_device in rows]

    def empty(self, recipient: DeviceKey) -> None:
        """Nothing waits for this device any more, and nobody ever gets it."""
        self.flush()  # what the same batch has put there goes as well
        account, device = recipient
        self._database.execute(queries.FORGET_MAILBOX, account=account, device_id=device)
        self._emptied.add(recipient)
        self._waiting = {route: count for route, count in self._waiting.items() if route[0] != recipient}
        self._places = {key: place for key, place in self._places.items() if key[:2] != recipient}

    def forget_pairs(self, sender: int) -> None:
        """Whom this account has written to is of no use any more."""
        self._database.execute(queries.FORGET_CORRESPONDENTS, sender=sender)
        self._pairs = {pair for pair in self._pairs if pair[0] != sender}

    # --- the end of a batch ----------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was only collected."""
        for statement, rows in (
            (queries.ADD_MAIL, self._mail_rows),
            (queries.ADD_TO_LOG, self._log_rows),
            (queries.END_MAIL, self._removed_rows),
            (queries.SET_DELIVERED, self._delivered_rows),
        ):
            if rows:
                self._database.insert_many(statement, rows)
                rows.clear()

    def become_current(self) -> None:
        """Make the state what this batch has made of it; the disk has it. Cannot fail."""
        state = self._state
        state.newest = self._newest
        for recipient in self._emptied:
            state.forget_device(recipient)
        for route, count in self._waiting.items():
            state.set_waiting(route, count)
        if self._sent:
            state.adopt(self._sent, self._places)
        if self._pairs:
            state.know_pairs(self._pairs)
