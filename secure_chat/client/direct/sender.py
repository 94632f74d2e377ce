"""Everybody's lanes: what was typed goes into the vault, and from there to the server, one message a person at once."""

from collections.abc import Callable
from dataclasses import dataclass

from secure_chat.client.direct import contacts, waiting
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import DirectDelayed, DirectQueued, DirectRefused, Trust
from secure_chat.client.direct.lane import Lane, Step
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.sealing import Sealer
from secure_chat.client.events import Ticket
from secure_chat.client.requests import Request, Requests
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.errors import (
    ChatError,
    DeviceListError,
    EncodingError,
    NameInvalid,
    NothingHeld,
    ServerSaidNonsense,
    SignatureError,
    UserDisabled,
)
from secure_chat.protocol.events import Said

# What a check of the server's words refuses; everything else that goes wrong in a transaction is the vault's.
UNACCEPTABLE = (EncodingError, DeviceListError, SignatureError, NameInvalid, ServerSaidNonsense, UserDisabled)


@dataclass(slots=True)
class _UnderWay:
    """What a lane has asked."""

    step: Step
    request: Request


class Sender:
    """All that goes out from this device to people."""

    def __init__(
        self,
        office: Office,
        requests: Requests,
        own: Own,
        random: Randomness,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        """`clock`: seconds, as of `Requests`."""
        self._office = office
        self._requests = requests
        self._own = own
        self._random = random
        self._now_ms = now_ms
        self._clock = clock
        self._sealer = Sealer(own, random, now_ms)
        self._lanes: dict[str, Lane] = {}
        self._under_way: dict[str, _UnderWay] = {}
        self._connected = False

    # --- connections -----------------------------------------------------------------------------

    def connected(self) -> None:
        """Go on with everything that waits."""
        self._connected = True
        with self._office.desk() as desk:
            names = desk.all_names()
        for name in names | self._lanes.keys():
            self._lane(name).begin()
            self.advance(name)

    def disconnected(self) -> None:
        """What was under way begins again on the next connection, from the vault."""
        self._connected = False
        for under_way in self._under_way.values():
            self._requests.drop(under_way.request)
        self._under_way.clear()

    def kept(self) -> tuple[Ticket, ...]:
        """The messages of this run that wait in the vault."""
        return tuple(ticket for lane in self._lanes.values() for ticket in lane.tickets.values())

    def next_time(self) -> float | None:
        """When a recipient who was full is tried again."""
        times = [lane.wake_at(self._clock()) for lane in self._lanes.values()] if self._connected else []
        return min((time for time in times if time is not None), default=None)

    def turn(self) -> None:
        """Try those again whose time has come."""
        for name, lane in list(self._lanes.items()):
            if lane.woken(self._clock()):
                self.advance(name)

    def advance_all(self) -> None:
        """Do what can be done for everybody."""
        for name in list(self._lanes):
            self.advance(name)

    # --- what is typed ---------------------------------------------------------------------------

    def message(self, ticket: Ticket, name: str, text: str) -> None:
        """Keep it, and send it as soon as it can be."""
        lane = self._lane(name)
        number = None
        try:
            with self._office.desk() as desk:
                number = waiting.add_text(desk, name, text, self._random, self._now_ms()).number
                lane.tickets[number] = ticket
                step = self._kept(desk, lane, ticket)
        except ChatError as error:
            if number is not None:
                del lane.tickets[number]
            self._office.tell(DirectRefused(ticket, name, error, text))
        else:
            self._ask(lane, step)

    def _kept(self, desk: Desk, lane: Lane, ticket: Ticket) -> Step | None:
        contact = desk.contact(lane.name)
        why = None if contact is None else contacts.why_held(contact)
        if why is not None:
            lane.say_held(desk, why)
        elif not self._connected:
            desk.tell(DirectQueued(ticket, lane.name, contacts.held_messages(desk, lane.name)))
        return self._next(desk, lane)

    def acknowledge(self, desk: Desk, name: str, device_id: int, *, opens_session: bool) -> None:
        """Have an empty message sent to one device; `advance` once the desk is written."""
        waiting.add_ack(desk, name, device_id, self._random, self._now_ms(), opens_session=opens_session)

    def discard(self, desk: Desk, names: list[str]) -> int:
        """Drop what is held for these people; how many texts. Raises `NothingHeld`."""
        dropped = 0
        for name in names:
            contact = desk.contact(name)
            if contact is None or contact.state is not Trust.CHANGED:
                continue
            lane = self._lane(name)
            for outgoing in reversed(desk.outgoing(name)):
                dropped += bool(waiting.text_of(outgoing))
                lane.drop(desk, outgoing)
                lane.take_ticket(desk, outgoing.number)
        if not dropped:
            raise NothingHeld
        return dropped

    def decided(self, name: str) -> None:
        """A person has decided whose key this is: what was held goes."""
        self._lane(name).look_again()
        self.advance(name)

    # --- steps -----------------------------------------------------------------------------------

    def advance(self, name: str) -> None:
        """Do what can be done for this person."""
        lane = self._lane(name)
        if not self._connected or name in self._under_way:
            return
        with self._office.desk() as desk:
            step = self._next(desk, lane)
        self._ask(lane, step)

    def _next(self, desk: Desk, lane: Lane) -> Step | None:
        if not self._connected or lane.name in self._under_way:
            return None
        return lane.next_step(desk, self._clock())

    def _ask(self, lane: Lane, step: Step | None) -> None:
        if step is None:
            return

        def answered(said: Said) -> None:
            self._answered(lane, step, said)

        def refused(error: ChatError) -> None:
            self._refused(lane, step, error)

        def delayed(error: ChatError, seconds: float) -> None:
            ticket = next(iter(lane.tickets.values()), None)
            if ticket is not None:
                self._office.tell(DirectDelayed(ticket, lane.name, error, seconds))

        request = Request(lambda id_: step.command(id_, lane.name), answered, refused, delayed, lost=_nothing)
        self._under_way[lane.name] = _UnderWay(step, request)
        self._requests.ask(request)

    def _answered(self, lane: Lane, step: Step, said: Said) -> None:
        del self._under_way[lane.name]
        try:
            with self._office.desk() as desk:
                following = lane.answered(desk, step, said, self._clock())
        except UNACCEPTABLE as error:
            self._refused_by(lane, step, error)
        else:
            self._ask(lane, following)

    def _refused(self, lane: Lane, step: Step, error: ChatError) -> None:
        del self._under_way[lane.name]
        self._refused_by(lane, step, error)

    def _refused_by(self, lane: Lane, step: Step, error: ChatError) -> None:
        with self._office.desk() as desk:
            following = lane.refused(desk, step, error, self._clock())
        self._ask(lane, following)

    def _lane(self, name: str) -> Lane:
        if name not in self._lanes:
            self._lanes[name] = Lane(name, self._own, self._sealer, self._now_ms)
        return self._lanes[name]


def _nothing() -> None:
    return
