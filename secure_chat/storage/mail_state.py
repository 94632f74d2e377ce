"""What the journal knows of mailboxes by heart: how much waits of whom, and where each envelope lies.

It is what the disk holds, no more: changed only once the disk has it, by `MailDraft` or by maintenance.
"""

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

import msgspec

from secure_chat.limits import MAX_KNOWN_PAIRS, MAX_KNOWN_PLACES
from secure_chat.storage.database import Database
from secure_chat.storage.queries import direct as queries
from secure_chat.storage.sent_envelopes import ALL_ROWS, DeviceKey, SentEnvelopes, mark_of

PUT_AWAY_ROWS: Final = 4000  # at a time: several times what one batch can bring

Pair: TypeAlias = tuple[int, int]
"""The account that has written, and the one that it has written to."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """Where an envelope lies in its mailbox, from whom it is, and what it weighs there."""

    mail_id: int
    sender: int  # account
    size: int  # bytes of it
    other: "Place | None" = None  # somebody else's of the same id in the same mailbox: two senders may have drawn one


class MailState:
    """How much waits by mailbox and sender, where it lies, what was sent, the newest number; and, so that most requests
    need no look at the disk, pairs that have corresponded.
    """

    def __init__(self, database: Database) -> None:
        """Read it from the disk."""
        self.waiting: dict[DeviceKey, dict[int, int]] = {}  # envelopes, by recipient's device and sender's account
        self.bytes_of: dict[int, int] = {}  # bytes waiting in all mailboxes together, by sender's account
        self.places: dict[DeviceKey, dict[bytes, Place]] = {}  # of what is numbered above `placed`, all of it
        self.known_places = 0  # how many ids these are
        self.placed = mark_of(database, queries.PLACED)  # up to here places are in their table
        self.sent = SentEnvelopes(database)
        self.pairs: set[Pair] = set()  # not all of them
        for account, device, sender, count, size in database.all(queries.WAITING):
            self.waiting.setdefault((account, device), {})[sender] = count
            self.bytes_of[sender] = self.bytes_of.get(sender, 0) + size
        for account, device, envelope_id, *place in database.all(queries.PLACES_AFTER, mark=self.placed, rows=ALL_ROWS):
            self.add_places((account, device), [(envelope_id, Place(*place))])
        # A number is never used again: what lies up to a mark is looked for in its table.
        self.newest: int = max(mark_of(database, queries.NEWEST), self.placed, self.sent.unknown)

    # --- places ------------------------------------------------------------------------------------

    def known_by_heart(self, recipient: DeviceKey) -> Mapping[bytes, Place]:
        """What waits in this mailbox by its envelope's id, but for what lies in the table of places."""
        return self.places.get(recipient, {})

    def has_places_away(self, recipient: DeviceKey) -> bool:
        """Whether something of this mailbox may lie in the table of places."""
        return sum(self.waiting.get(recipient, {}).values()) > len(self.places.get(recipient, ()))

    def places_away(self, recipient: DeviceKey, envelope_id: bytes, database: Database) -> list[Place]:
        """What the table of places says of this id."""
        account, device = recipient
        rows = database.all(queries.PLACES, account=account, device_id=device, envelope_id=envelope_id)
        return [Place(*row) for row in rows]

    def add_places(self, recipient: DeviceKey, places: Iterable[tuple[bytes, Place]]) -> None:
        """These wait now, by id."""
        known = self.places.setdefault(recipient, {})
        before = len(known)
        for envelope_id, place in places:
            other = known.get(envelope_id)
            known[envelope_id] = place if other is None else Place(place.mail_id, place.sender, place.size, other)
        self.known_places += len(known) - before

    def forget_places(self, recipient: DeviceKey, envelope_ids: Iterable[bytes]) -> None:
        """Nothing of these ids waits in this mailbox any more."""
        known = self.places.get(recipient)
        if known is None:
            return
        before = len(known)
        for envelope_id in envelope_ids:
            known.pop(envelope_id, None)
        self.known_places -= before - len(known)
        if not known:
            del self.places[recipient]

    def forget_mailbox(self, recipient: DeviceKey) -> None:
        """Nothing waits in it any more; what waits of whom is told by the draft."""
        self.known_places -= len(self.places.pop(recipient, ()))

    @property
    def knows_too_many(self) -> bool:
        """Whether places should be put into their table."""
        return self.known_places > MAX_KNOWN_PLACES

    def put_places_away(self, database: Database) -> None:
        """Put the oldest places into their table, in a transaction of its own."""
        with database.transaction():
            rows = database.all(queries.PLACES_AFTER, mark=self.placed, rows=PUT_AWAY_ROWS)
            database.insert_many(queries.ADD_PLACE, sorted(row[:4] for row in rows))
            placed = rows[-1][3] if rows else self.placed
            database.execute(queries.SET_PLACED, row=placed)
        self.placed = placed
        for account, device, envelope_id, mail_id, _, _ in rows:
            self._drop_place((account, device), envelope_id, mail_id)

    def _drop_place(self, recipient: DeviceKey, envelope_id: bytes, mail_id: int) -> None:
        place = self.places.get(recipient, {}).get(envelope_id)
        left = None if place is None else _without(place, mail_id)
        if left is None:
            self.forget_places(recipient, (envelope_id,))
        else:
            self.places[recipient][envelope_id] = left

    def mail_has_ended(self, recipient: DeviceKey, envelope_id: bytes, mail_id: int, sender: int, size: int) -> None:
        """One envelope has had its time; the disk has it no more."""
        self._drop_place(recipient, envelope_id, mail_id)
        counts = self.waiting[recipient]
        lessen(counts, sender, 1)
        self.set_waiting(recipient, counts)
        lessen(self.bytes_of, sender, size)

    def set_waiting(self, recipient: DeviceKey, counts: dict[int, int]) -> None:
        """So much of each sender waits in this mailbox."""
        if counts:
            self.waiting[recipient] = counts
        else:
            self.waiting.pop(recipient, None)

    def set_bytes_of(self, sender: int, size: int) -> None:
        """So much of this account waits in all mailboxes together."""
        if size:
            self.bytes_of[sender] = size
        else:
            self.bytes_of.pop(sender, None)

    # --- who has written to whom -------------------------------------------------------------------

    def know_pairs(self, pairs: set[Pair]) -> None:
        """These have corresponded; who is forgotten costs a look at the disk."""
        if len(self.pairs) + len(pairs) > MAX_KNOWN_PAIRS:
            self.pairs.clear()
        self.pairs |= pairs


def lessen(counts: dict[int, int], key: int, by: int) -> None:
    """Take `by` away from a count; one that is nothing any more is not kept."""
    left = counts[key] - by
    if left:
        counts[key] = left
    else:
        del counts[key]


def _without(place: Place, mail_id: int) -> Place | None:
    """All but the one of this number."""
    if place.mail_id == mail_id:
        return place.other
    other = None if place.other is None else _without(place.other, mail_id)
    return Place(place.mail_id, place.sender, place.size, other)
