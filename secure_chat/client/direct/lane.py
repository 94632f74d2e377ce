"""One person's lane: what is waiting for him leaves in order, one message at a time, the same bytes until it is taken.

PROTOCOL.md 24. A lane looks at the vault, says what is to be asked of the server, and takes the answer in one
transaction with whatever comes next. Nothing of it survives a connection: the next one begins from the vault.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from secure_chat.client.direct import contacts, waiting
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.device_lists import take_answer
from secure_chat.client.direct.events import DirectAccepted, DirectDelayed, DirectHeard, DirectHeld, DirectRefused
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.records import LateEnvelope, Outgoing, Peer
from secure_chat.client.direct.sealing import FULL, HAS_IT, Sealer, leave_out
from secure_chat.client.events import Ticket
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import DeviceId
from secure_chat.e2ee.content import Kind
from secure_chat.errors import (
    ChatError,
    MailboxFull,
    NoDeviceKeys,
    ServerSaidNonsense,
    UserDisabled,
)
from secure_chat.limits import FULL_MAILBOX_LONGEST_SECONDS, FULL_MAILBOX_SECONDS, MAX_STALE_ANSWERS
from secure_chat.protocol import commands as c
from secure_chat.protocol import events as e
from secure_chat.protocol.events import PrekeyBundle


@dataclass(frozen=True, slots=True)
class AskLists:
    """Who has this name, and his device lists after this version."""

    after: int

    def command(self, id_: int, name: str) -> c.Command:
        """As the server is asked."""
        return c.DeviceListQuery(id_, name=name, after=self.after)


@dataclass(frozen=True, slots=True)
class ClaimBundles:
    """Prekeys of these devices."""

    user_id: bytes
    devices: tuple[DeviceId, ...]

    def command(self, id_: int, _name: str) -> c.Command:
        """As the server is asked."""
        return c.PrekeysClaim(id_, self.user_id, list(self.devices))


@dataclass(frozen=True, slots=True)
class SendParts:
    """The message of that number, whose parts are on the disk."""

    number: int
    user_id: bytes
    parts: tuple[c.DirectPart, ...]

    def command(self, id_: int, _name: str) -> c.Command:
        """As the server is asked."""
        return c.DirectSend(id_, self.user_id, list(self.parts))


@dataclass(frozen=True, slots=True)
class SendLate:
    """The oldest envelope of a device that was full, in the row of that id."""

    row_id: str
    user_id: bytes
    parts: tuple[c.DirectPart, ...]

    def command(self, id_: int, _name: str) -> c.Command:
        """As the server is asked."""
        return c.DirectSend(id_, self.user_id, list(self.parts))


Step: TypeAlias = AskLists | ClaimBundles | SendParts | SendLate


@dataclass(slots=True)
class _Full:
    """A recipient who fetches nothing: how long until it is tried again."""

    pause: float = 0.0  # seconds
    until: float = 0.0  # on the session's clock

    def again(self, now: float) -> float:
        """Once more full; seconds until the next try."""
        self.pause = min(max(self.pause * 2, FULL_MAILBOX_SECONDS), FULL_MAILBOX_LONGEST_SECONDS)
        self.until = now + self.pause
        return self.pause


@dataclass(slots=True)
class Lane:
    """One person's; lives as long as the session, what belongs to a connection is reset by `begin`."""

    name: str
    own: Own
    sealer: Sealer
    now_ms: Callable[[], int]
    tickets: dict[int, Ticket] = field(default_factory=dict)  # by number in the queue
    _held: set[int] = field(default_factory=set)  # numbers of which it was said that they are held
    _gave_up: bool = False  # on the head, just now: there is another one
    _looked: bool = False  # the server was asked on this connection who he is
    _after: int | None = None  # ask for lists after this version, whatever is known
    _bundles: dict[int, PrekeyBundle] = field(default_factory=dict)
    _claimed: frozenset[int] = frozenset()
    _stale: int = 0
    _full: _Full = field(default_factory=_Full)
    _late_full: _Full = field(default_factory=_Full)

    def begin(self) -> None:
        """A new connection."""
        self._looked = False
        self._after = None
        self._stale = 0
        self._forget_bundles()
        self._full, self._late_full = _Full(), _Full()

    def look_again(self) -> None:
        """Who he is has been decided anew: ask before the next message."""
        self._looked = False

    def wake_at(self, now: float) -> float | None:
        """When a full recipient is tried again; None: nothing waits for a time."""
        times = [full.until for full in (self._full, self._late_full) if full.until > now]
        return min(times, default=None)

    def woken(self, now: float) -> bool:
        """Whether a full recipient's time has just come; true once."""
        due = [full for full in (self._full, self._late_full) if 0 < full.until <= now]
        for full in due:
            full.until = 0.0
        return bool(due)

    # --- what comes next -------------------------------------------------------------------------

    def next_step(self, desk: Desk, now: float) -> Step | None:
        """What is to be asked next; a message that is to be sent is sealed for it on the desk."""
        while True:
            self._gave_up = False
            step = self._look(desk, now)
            if not self._gave_up:
                return step

    def _look(self, desk: Desk, now: float) -> Step | None:
        head = self._head(desk)
        contact = desk.contact(self.name)
        peer = None if contact is None else desk.peer(contact.user_id)
        if not self._looked and (head is not None or self._stale):  # late envelopes are refused as out of date as well
            return AskLists(self._known_version(peer))
        if contact is None or peer is None:
            return None
        if (why := contacts.why_held(contact)) is not None:
            self.say_held(desk, why)
            return None
        devices = contacts.accepted_devices(desk, contact)
        if devices is None:
            if head is not None:
                self._give_up(desk, head, NoDeviceKeys())
            return None
        if now >= self._late_full.until and (late := self._late(desk, devices)) is not None:
            return late
        if head is None or now < self._full.until:
            return None
        return self._send(desk, head, devices)

    def _send(self, desk: Desk, head: Outgoing, devices: AcceptedDeviceList) -> Step | None:
        if not self.sealer.is_sealed(head, devices):
            missing = self.sealer.without_session(desk, head, devices)
            if not self._claimed.issuperset(missing):
                return ClaimBundles(devices.device_list.user_id, tuple(missing))
            head = self.sealer.seal(desk, head, devices, self._bundles)
            self._forget_bundles()
            if not any(part.envelope for part in head.parts):
                why = f"No device of {self.name} has keys that a message could be encrypted with. It was not sent."
                self._give_up(desk, head, NoDeviceKeys(why))
                return None
            desk.put_outgoing(self.name, head)
        return SendParts(head.number, head.user_id, tuple(waiting.request_parts(head)))

    def _late(self, desk: Desk, devices: AcceptedDeviceList) -> SendLate | None:
        user_id = devices.device_list.user_id
        for device in devices.device_list.devices:
            for row_id, late in desk.late_envelopes(user_id, device.device_id, limit=1):
                return SendLate(row_id, user_id, _late_parts(late, devices))
        return None

    def _known_version(self, peer: Peer | None) -> int:
        if self._after is not None:
            return self._after
        return 0 if peer is None else peer.version

    def say_held(self, desk: Desk, why: ChatError) -> None:
        """Say once of each message that it is held, and why."""
        for number, ticket in self.tickets.items():
            if number not in self._held:
                self._held.add(number)
                desk.if_undone(partial(self._held.discard, number))
                desk.tell(DirectHeld(ticket, self.name, why))

    def _give_up(self, desk: Desk, head: Outgoing, error: ChatError) -> None:
        """It will not be sent: back to who typed it."""
        self._gave_up = True
        self._stale = 0
        self.drop(desk, head)
        if head.kind == Kind.TEXT:
            ticket = self.take_ticket(desk, head.number)
            desk.tell(DirectRefused(ticket, self.name, error, waiting.text_of(head)))

    def take_ticket(self, desk: Desk, number: int) -> Ticket | None:
        """Whose answer is told with this transaction; who typed it waits on if that fails."""
        ticket = self.tickets.pop(number, None)
        if ticket is not None:
            desk.if_undone(partial(self.tickets.__setitem__, number, ticket))
        return ticket

    def drop(self, desk: Desk, outgoing: Outgoing) -> None:
        """It will not be sent, and somebody has been told."""
        waiting.refused(desk, self.name, outgoing)
        self._held.discard(outgoing.number)

    def _head(self, desk: Desk) -> Outgoing | None:
        return next(iter(desk.outgoing(self.name, limit=1)), None)

    def _forget_bundles(self) -> None:
        self._bundles, self._claimed = {}, frozenset()

    # --- what the server answers -----------------------------------------------------------------

    def answered(self, desk: Desk, step: Step, said: e.Said, now: float) -> Step | None:
        """Take the answer to a step; what comes next. Raises what `take_answer` raises, and `ServerSaidNonsense`."""
        match step, said:
            case AskLists(), e.DeviceLists():
                self._lists(desk, step, said)
            case ClaimBundles(), e.PrekeyBundles() if said.user_id == step.user_id:
                self._claimed = frozenset(step.devices)
                self._bundles = {bundle.device_id: bundle for bundle in said.bundles}
            case SendParts(), e.DirectAccepted():
                self._accepted(desk, step.number, said.time)
            case SendLate(), e.DirectAccepted():
                self._stale, self._late_full = 0, _Full()
                desk.delete_late_envelope(step.row_id)
            case SendParts() | SendLate(), e.DevicesStale():
                self._stale_answer()
            case SendParts(), e.DevicesFull():
                self._mark_full(desk, step.number, frozenset(said.devices), now)
            case SendLate(), e.DevicesFull():
                self._late_full.again(now)
            case _:
                raise ServerSaidNonsense
        return self.next_step(desk, now)

    def refused(self, desk: Desk, step: Step, error: ChatError, now: float) -> Step | None:
        """The server, or a check of what it said, has refused a step; what comes next."""
        head = self._head(desk)
        if isinstance(step, SendLate):
            desk.delete_late_envelope(step.row_id)
        elif head is not None and (not isinstance(step, SendParts) or step.number == head.number):
            self._looked = False  # the name may be somebody else's by now: the next message asks
            self._give_up(desk, head, error)
        elif head is None:
            self._stale = 0
            self._late_full.again(now)  # the question was for late envelopes alone
        return self.next_step(desk, now)

    def _lists(self, desk: Desk, step: AskLists, said: e.DeviceLists) -> None:
        if said.state != "enabled":
            raise UserDisabled(f"{self.name}'s account is disabled or deleted.")
        self._after = take_answer(desk, self.own, self.name, step.after, said, self.now_ms())
        self._looked = self._after is None
        if not self._looked:
            self._count_stale()

    def _accepted(self, desk: Desk, number: int, time: int) -> None:
        self._stale, self._full = 0, _Full()
        head = self._head(desk)
        if head is None or head.number != number:
            return  # discarded while it was under way
        row = waiting.accepted(desk, self.name, head, time)
        ticket = self.take_ticket(desk, number)
        self._held.discard(number)
        if row is None:
            return
        desk.tell(DirectHeard(row, late=False, ticket=ticket))
        if ticket is not None:
            desk.tell(DirectAccepted(ticket, self.name, row.row, time))

    def _stale_answer(self) -> None:
        # The answer has the newest list alone; asking gives every link from the known one to it.
        self._count_stale()
        self._looked = False

    def _count_stale(self) -> None:
        self._stale += 1
        if self._stale > MAX_STALE_ANSWERS:
            raise ServerSaidNonsense("The server refuses each list of devices that it shows.")

    def _mark_full(self, desk: Desk, number: int, devices: frozenset[int], now: float) -> None:
        head = self._head(desk)
        if head is None or head.number != number:
            return
        if not any(part.device_id in devices and part.envelope for part in head.parts):
            raise ServerSaidNonsense
        parts = tuple(
            dataclasses.replace(part, omitted=FULL) if part.device_id in devices and part.envelope else part
            for part in head.parts
        )
        desk.put_outgoing(self.name, dataclasses.replace(head, parts=parts))
        for device_id in devices:
            device = desk.device(head.user_id, device_id)
            if device is not None:
                leave_out(desk, device, FULL)
        if all(part.omitted for part in parts):
            seconds = self._full.again(now)
            ticket = self.tickets.get(number)
            if ticket is not None:
                desk.tell(DirectDelayed(ticket, self.name, MailboxFull(), seconds))


def _late_parts(late: LateEnvelope, devices: AcceptedDeviceList) -> tuple[c.DirectPart, ...]:
    return tuple(
        c.DirectPart(device.device_id, late.envelope)
        if device.device_id == late.device_id
        else c.DirectPart(device.device_id, omitted=HAS_IT)
        for device in devices.device_list.devices
    )
