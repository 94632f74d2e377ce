"""What a batch makes of mailboxes, their log and ids of envelopes: seen by its entries, written together at its end.

Rows are only collected until then: no decision of the same batch reads them from the disk.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from secure_chat.storage.database import Database
from secure_chat.storage.mail_state import MailState, Pair, Place, lessen
from secure_chat.storage.outcomes import MailArrived
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.records import Mail
from secure_chat.storage.sent_envelopes import DeviceKey, SentEnvelope
from secure_chat.storage.statements import Value

DIGEST_BYTES: Final = 16


class _Box:
    """One mailbox as the batch would leave it."""

    __slots__ = ("arrived", "counts", "places")

    def __init__(self, counts: Mapping[int, int]) -> None:
        self.counts = dict(counts)  # what waits, by sender's account
        self.arrived: list[Mail] = []  # what this batch has put there
        self.places: list[tuple[bytes, Place]] = []  # of those

    def copy(self) -> "_Box":
        copy = _Box(self.counts)
        copy.arrived, copy.places = list(self.arrived), list(self.places)
        return copy


class MailDraft:
    """The mail of one batch on its way."""

    def __init__(self, state: MailState, database: Database, now_ms: int) -> None:
        self._state = state
        self._database = database
        self._now_ms = now_ms
        self._newest = state.newest
        self._boxes: dict[DeviceKey, _Box] = {}  # in place of what the state says of these mailboxes
        self._bytes_of: dict[int, int] = {}  # the same of these senders
        self._emptied: set[DeviceKey] = set()  # what the state says of these is over
        self._sent: dict[DeviceKey, dict[bytes, SentEnvelope]] = {}  # by sender
        self._removed: dict[DeviceKey, list[bytes]] = {}  # ids by recipient
        self._removed_numbers: set[int] = set()
        self._pairs: set[Pair] = set()
        self._mail_rows: list[tuple[Value, ...]] = []
        self._log_rows: list[tuple[Value, ...]] = []
        self._ended: list[int] = []  # numbers of mail whose rows go
        self._away_rows: list[tuple[Value, ...]] = []  # of the table of places, which go

    def copy(self) -> "MailDraft":
        """A draft that can be thrown away by itself. All rows so far have been written."""
        copy = MailDraft(self._state, self._database, self._now_ms)
        copy._newest = self._newest
        copy._boxes = {recipient: box.copy() for recipient, box in self._boxes.items()}
        copy._bytes_of, copy._emptied, copy._pairs = dict(self._bytes_of), set(self._emptied), set(self._pairs)
        copy._sent = {sender: dict(sent) for sender, sent in self._sent.items()}
        copy._removed = {recipient: list(ids) for recipient, ids in self._removed.items()}
        copy._removed_numbers = set(self._removed_numbers)
        return copy

    # --- what entries see ------------------------------------------------------------------------

    def waiting(self, recipient: DeviceKey, sender: int) -> int:
        """How many envelopes of this sender's account wait for this recipient's device."""
        box = self._boxes.get(recipient)
        counts = self._state.waiting.get(recipient) if box is None else box.counts
        return 0 if counts is None else counts.get(sender, 0)

    def bytes_of(self, sender: int) -> int:
        """How much of this account waits in all mailboxes together."""
        size = self._bytes_of.get(sender)
        return self._state.bytes_of.get(sender, 0) if size is None else size

    def has_mail(self, recipient: DeviceKey) -> bool:
        """Whether anything waits for this device."""
        box = self._boxes.get(recipient)
        return recipient in self._state.waiting if box is None else bool(box.counts)

    def sent(self, sender: DeviceKey, envelope_id: bytes) -> SentEnvelope | None:
        """What this device has sent under this id, in this batch or in the last 48 hours."""
        own = self._sent.get(sender)
        sent = None if own is None else own.get(envelope_id)
        return self._state.sent.find(sender, envelope_id, self._database) if sent is None else sent

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
        self, sender: DeviceKey, recipient: DeviceKey, envelope_id: bytes, envelope: bytes, digest: bytes, frame: bytes
    ) -> None:
        """Into the recipient's mailbox, behind what lies there.

        `digest`: 16 bytes of the envelope; `frame`: what the device will receive.
        """
        self._newest = mail_id = self._newest + 1
        now = self._now_ms
        from_account, from_device = sender
        to_account, to_device = recipient
        box = self._boxes.get(recipient) or self._box(recipient)
        own = self._sent.get(sender)
        if own is None:
            own = self._sent[sender] = {}
        own[envelope_id] = SentEnvelope(digest, now)
        size = len(envelope)
        box.counts[from_account] = box.counts.get(from_account, 0) + 1
        box.arrived.append(Mail(mail_id, envelope_id, frame))
        box.places.append((envelope_id, Place(mail_id, from_account, size)))
        self._bytes_of[from_account] = self.bytes_of(from_account) + size
        self._mail_rows.append((mail_id, to_account, to_device, envelope_id, from_account, now, envelope))
        self._log_rows.append(
            (mail_id, envelope_id, from_account, from_device, to_account, to_device, size, now, None, digest)
        )

    def _box(self, recipient: DeviceKey) -> _Box:
        """A mailbox that this batch changes."""
        box = self._boxes.get(recipient)
        if box is None:
            box = self._boxes[recipient] = _Box(self._state.waiting.get(recipient, {}))
        return box

    def note_written(self, sender: int, recipient: int) -> None:
        """The first account has sent the second one something."""
        if not self.has_written(sender, recipient):
            self._database.insert(queries.ADD_CORRESPONDENT, (sender, recipient))
            self._pairs.add((sender, recipient))

    def remove(self, recipient: DeviceKey, envelope_ids: Sequence[bytes]) -> None:
        """The recipient's device has these; nothing happens where nothing of an id waits, and what the same batch has
        put there stays: nobody has been told of it.
        """
        if recipient in self._emptied:
            return
        state = self._state
        known, has_away = state.known_by_heart(recipient), state.has_places_away(recipient)
        found: list[Place] = []
        for envelope_id in envelope_ids:
            place = known.get(envelope_id)
            while place is not None:
                found.append(place)
                place = place.other
            if has_away:
                away = state.places_away(recipient, envelope_id, self._database)
                self._away_rows += [(*recipient, envelope_id, place.mail_id) for place in away]
                found += away
        if found:
            self._remove(recipient, found)
        self._removed.setdefault(recipient, []).extend(envelope_ids)

    def _remove(self, recipient: DeviceKey, places: Iterable[Place]) -> None:
        counts, numbers = self._box(recipient).counts, self._removed_numbers
        for place in places:
            mail_id, sender = place.mail_id, place.sender
            if mail_id not in numbers:
                numbers.add(mail_id)
                self._ended.append(mail_id)
                lessen(counts, sender, 1)
                self._bytes_of[sender] = self.bytes_of(sender) - place.size

    def empty(self, recipient: DeviceKey) -> None:
        """Nothing waits for this device any more, and nobody ever gets it."""
        self.flush()  # what the same batch has put there goes as well
        account, device = recipient
        for sender, size in self._database.all(queries.BYTES_IN_MAILBOX, account=account, device_id=device):
            self._bytes_of[sender] = self.bytes_of(sender) - size
        self._database.execute(queries.FORGET_MAILBOX, account=account, device_id=device)
        self._database.execute(queries.FORGET_PLACES, account=account, device_id=device)
        self._emptied.add(recipient)
        self._boxes[recipient] = _Box({})
        self._removed.pop(recipient, None)

    def forget_pairs(self, sender: int) -> None:
        """Whom this account has written to is of no use any more."""
        self._database.execute(queries.FORGET_CORRESPONDENTS, sender=sender)
        self._pairs = {pair for pair in self._pairs if pair[0] != sender}

    # --- the end of a batch ----------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was only collected."""
        database = self._database
        if self._ended:  # first, so that what arrives takes the pages over and none is written as an empty one
            runs = list(runs_of(self._ended))
            database.insert_many(queries.END_MAIL, runs)
            database.insert_many(queries.SET_DELIVERED, [(self._now_ms, first, last) for first, last in runs])
            self._ended.clear()
        for statement, rows in (
            (queries.ADD_MAIL, self._mail_rows),
            (queries.ADD_TO_LOG, self._log_rows),
            (queries.FORGET_PLACE, self._away_rows),
        ):
            if rows:
                database.insert_many(statement, rows)
                rows.clear()

    def become_current(self) -> list[MailArrived]:
        """Make the state what this batch has made of it; the disk has it. Cannot fail. Tells what has arrived."""
        state = self._state
        state.newest = self._newest
        for recipient in self._emptied:
            state.forget_mailbox(recipient)
        for recipient, ids in self._removed.items():
            state.forget_places(recipient, ids)
        for recipient, box in self._boxes.items():
            if box.places:
                state.add_places(recipient, box.places)
            state.set_waiting(recipient, box.counts)
        for sender, size in self._bytes_of.items():
            state.set_bytes_of(sender, size)
        for device, sent in self._sent.items():
            state.sent.add(device, sent)
        if self._pairs:
            state.know_pairs(self._pairs)
        return [MailArrived(*recipient, tuple(box.arrived)) for recipient, box in self._boxes.items() if box.arrived]


def runs_of(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The first and last of each run of consecutive numbers; each number is there once, in whatever order."""
    ordered = sorted(numbers)
    first = last = ordered[0]
    for number in ordered[1:]:
        if number != last + 1:
            yield first, last
            first = number
        last = number
    yield first, last
