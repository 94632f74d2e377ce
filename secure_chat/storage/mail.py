"""What a batch makes of mailboxes, their log and ids of envelopes: seen by its entries, written together at its end.

Rows are only collected until then: no decision of the same batch reads them from the disk.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from secure_chat.storage.database import Database
from secure_chat.storage.mail_state import MailState, Pair, Place, lessen
from secure_chat.storage.outcomes import MailArrived
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.records import Mail
from secure_chat.storage.sent_envelopes import DeviceKey, SentEnvelope
from secure_chat.storage.statements import Value

DIGEST_BYTES: Final = 16


class MailDraft:
    """The mail of one batch on its way."""

    def __init__(self, state: MailState, database: Database, now_ms: int) -> None:
        self._state = state
        self._database = database
        self._now_ms = now_ms
        self._newest = state.newest
        self._waiting: dict[DeviceKey, dict[int, int]] = {}  # in place of what the state says of these mailboxes
        self._bytes_of: dict[int, int] = {}  # the same of these senders
        self._emptied: set[DeviceKey] = set()  # what the state says of these is over
        self._sent: dict[DeviceKey, dict[bytes, SentEnvelope]] = {}  # by sender
        self._places: dict[DeviceKey, list[tuple[bytes, Place]]] = {}  # by recipient, of what this batch has put there
        self._arrived: dict[DeviceKey, list[Mail]] = {}  # the same as it is told
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
        copy._waiting = {recipient: dict(counts) for recipient, counts in self._waiting.items()}
        copy._bytes_of, copy._emptied, copy._pairs = dict(self._bytes_of), set(self._emptied), set(self._pairs)
        copy._sent = {sender: dict(sent) for sender, sent in self._sent.items()}
        copy._places = {recipient: list(places) for recipient, places in self._places.items()}
        copy._arrived = {recipient: list(mail) for recipient, mail in self._arrived.items()}
        copy._removed = {recipient: list(ids) for recipient, ids in self._removed.items()}
        copy._removed_numbers = set(self._removed_numbers)
        return copy

    # --- what entries see ------------------------------------------------------------------------

    def waiting(self, recipient: DeviceKey, sender: int) -> int:
        """How many envelopes of this sender's account wait for this recipient's device."""
        counts = self._waiting.get(recipient)
        if counts is None:
            counts = self._state.waiting.get(recipient)
        return 0 if counts is None else counts.get(sender, 0)

    def bytes_of(self, sender: int) -> int:
        """How much of this account waits in all mailboxes together."""
        size = self._bytes_of.get(sender)
        return self._state.bytes_of.get(sender, 0) if size is None else size

    def has_mail(self, recipient: DeviceKey) -> bool:
        """Whether anything waits for this device."""
        counts = self._waiting.get(recipient)
        return recipient in self._state.waiting if counts is None else bool(counts)

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
        self, sender: DeviceKey, recipient: DeviceKey, envelope_id: bytes, digest: bytes, size: int, frame: bytes
    ) -> None:
        """Into the recipient's mailbox, behind what lies there.

        `size`: bytes of the envelope; `digest`: 16 bytes of it; `frame`: what the device will receive.
        """
        self._newest = mail_id = self._newest + 1
        now = self._now_ms
        from_account, from_device = sender
        to_account, to_device = recipient
        counts = self._waiting.get(recipient)
        if counts is None:
            counts = self._counts(recipient)
        counts[from_account] = counts.get(from_account, 0) + 1
        kept = len(frame)
        self._bytes_of[from_account] = self.bytes_of(from_account) + kept
        self._mail_rows.append((mail_id, to_account, to_device, envelope_id, from_account, now, frame))
        self._log_rows.append(
            (mail_id, envelope_id, from_account, from_device, to_account, to_device, size, now, None, digest)
        )
        own = self._sent.get(sender)
        if own is None:
            own = self._sent[sender] = {}
        own[envelope_id] = SentEnvelope(digest, now)
        arrived = self._arrived.get(recipient)
        if arrived is None:
            arrived = self._arrived[recipient] = []
            self._places[recipient] = []
        arrived.append(Mail(mail_id, envelope_id, frame))
        self._places[recipient].append((envelope_id, Place(mail_id, from_account, kept)))

    def _counts(self, recipient: DeviceKey) -> dict[int, int]:
        """What waits in this mailbox by sender, to be changed."""
        counts = self._waiting.get(recipient)
        if counts is None:
            counts = self._waiting[recipient] = dict(self._state.waiting.get(recipient, ()))
        return counts

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
        for envelope_id in envelope_ids:
            place = known.get(envelope_id)
            while place is not None:
                self._remove(recipient, place)
                place = place.other
            if has_away:
                for place in state.places_away(recipient, envelope_id, self._database):
                    self._away_rows.append((*recipient, envelope_id, place.mail_id))
                    self._remove(recipient, place)
        self._removed.setdefault(recipient, []).extend(envelope_ids)

    def _remove(self, recipient: DeviceKey, place: Place) -> None:
        mail_id, sender = place.mail_id, place.sender
        if mail_id in self._removed_numbers:
            return
        self._removed_numbers.add(mail_id)
        self._ended.append(mail_id)
        lessen(self._counts(recipient), sender, 1)
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
        self._waiting[recipient] = {}
        for of_batch in (self._places, self._arrived, self._removed):
            of_batch.pop(recipient, None)

    def forget_pairs(self, sender: int) -> None:
        """Whom this account has written to is of no use any more."""
        self._database.execute(queries.FORGET_CORRESPONDENTS, sender=sender)
        self._pairs = {pair for pair in self._pairs if pair[0] != sender}

    # --- the end of a batch ----------------------------------------------------------------------

    def flush(self) -> None:
        """Write what was only collected."""
        database = self._database
        for statement, rows in (
            (queries.ADD_MAIL, self._mail_rows),
            (queries.ADD_TO_LOG, self._log_rows),
            (queries.FORGET_PLACE, self._away_rows),
        ):
            if rows:
                database.insert_many(statement, rows)
                rows.clear()
        if self._ended:
            runs = list(runs_of(self._ended))
            database.insert_many(queries.END_MAIL, runs)
            database.insert_many(queries.SET_DELIVERED, [(self._now_ms, first, last) for first, last in runs])
            self._ended.clear()

    def become_current(self) -> list[MailArrived]:
        """Make the state what this batch has made of it; the disk has it. Cannot fail. Tells what has arrived."""
        state = self._state
        state.newest = self._newest
        for recipient in self._emptied:
            state.forget_mailbox(recipient)
        for recipient, ids in self._removed.items():
            state.forget_places(recipient, ids)
        for recipient, places in self._places.items():
            state.add_places(recipient, places)
        for recipient, counts in self._waiting.items():
            state.set_waiting(recipient, counts)
        for sender, size in self._bytes_of.items():
            state.set_bytes_of(sender, size)
        for device, sent in self._sent.items():
            state.sent.add(device, sent)
        if self._pairs:
            state.know_pairs(self._pairs)
        return [MailArrived(*recipient, tuple(mail)) for recipient, mail in self._arrived.items()]


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
