"""What the server pushes: opened in batches with one commit each, acknowledged together, held back where it must wait.

PROTOCOL.md 24.2. An envelope whose sender's newer device lists are not here yet stays unacknowledged until they are;
later ones of the same sender wait behind it, so that the order in which things are shown is theirs.
"""

import dataclasses
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.device_lists import take_lists
from secure_chat.client.direct.newcomers import admit
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.receiving import Arrival, Receiver, Verdict
from secure_chat.client.direct.sender import UNACCEPTABLE
from secure_chat.client.events import Told
from secure_chat.client.requests import Request, Requests
from secure_chat.e2ee.envelope import Envelope
from secure_chat.errors import ChatError, EncodingError, NewcomersWait, ServerSaidNonsense, UserUnknown
from secure_chat.limits import FAILED_OPENS_SECONDS, LIST_LOOK_SECONDS, MAX_DEFERRED_ENVELOPES, MAX_NAMED_ENVELOPES
from secure_chat.protocol.commands import Command, DeviceListQuery, DirectAcknowledge, DirectDefer
from secure_chat.protocol.events import DeviceLists, DirectEnvelope, Said

_ENVELOPE_ID_PLACE = slice(3, 19)  # in bytes that are no envelope, for an acknowledgement that ends them


@dataclass(slots=True)
class _Line:
    """What has come of one user and must wait."""

    arrivals: deque[Arrival] = field(default_factory=deque)
    asks: bool = False  # for his lists
    looked: bool = False  # his newest lists are here: what is still missing does not exist
    not_before: float = 0.0  # on the clock; 0: it is no time that they wait for

    @property
    def verdict(self) -> Verdict:
        """Why later ones wait as well."""
        return Verdict.MUST_WAIT if self.not_before else Verdict.NEEDS_LISTS


class Mailbox:
    """What comes in to this device from people."""

    def __init__(
        self,
        office: Office,
        requests: Requests,
        own: Own,
        receiver: Receiver,
        now_ms: Callable[[], int],
        clock: Callable[[], float],
    ) -> None:
        """`clock`: seconds, as of `Requests`."""
        self._now_ms = now_ms
        self._office = office
        self._requests = requests
        self._own = own
        self._receiver = receiver
        self._clock = clock
        self._arrived: list[Arrival] = []
        self._lines: dict[bytes, _Line] = {}
        self._look_again: dict[bytes, float] = {}  # when somebody's lists may be asked for again, on the clock
        self._acknowledged: list[bytes] = []
        self._deferred: list[bytes] = []
        self._turned_away: set[bytes] = set()  # newcomers of whom something was deferred on this connection
        self._connected_at = 0  # by the server's clock, milliseconds since 1970 UTC
        self.lists_changed: Callable[[], None] = _nothing
        """Called when somebody's lists have changed: what waits for him may go, or not any more."""

    def connected(self, server_time: int) -> None:
        """A new connection; what is not acknowledged comes again."""
        self._connected_at = server_time

    def disconnected(self) -> None:
        """What was not opened comes again."""
        self._arrived.clear()
        self._lines.clear()
        self._look_again.clear()
        self._acknowledged.clear()
        self._deferred.clear()
        self._turned_away.clear()

    @property
    def has_unopened(self) -> bool:
        """Whether something has come and was not looked at."""
        return bool(self._arrived)

    def next_time(self) -> float | None:
        """When somebody's envelopes may be tried again; 0: something has come and was not looked at."""
        if self._arrived:
            return 0.0
        times = [line.not_before for line in self._lines.values() if line.not_before]
        return min(times, default=None)

    def heard(self, said: DirectEnvelope) -> None:
        """One envelope; `turn` opens it with its company."""
        try:
            envelope = Envelope.parse(said.envelope)
        except EncodingError:
            if len(said.envelope) >= _ENVELOPE_ID_PLACE.stop:
                self._acknowledged.append(said.envelope[_ENVELOPE_ID_PLACE])
            return
        self._arrived.append(Arrival(envelope, said.time, late=said.time < self._connected_at))

    def turn(self) -> None:
        """Open what has come, in one transaction; then say what is on the disk."""
        now = self._clock()
        batch, self._arrived = self._arrived, []
        for line in self._lines.values():
            if line.not_before and line.not_before <= now:
                line.not_before = 0.0
                batch = [*line.arrivals, *batch]
                line.arrivals.clear()
        if batch:
            self._open(batch)
        self._say()

    def fetch_lists(self, user_id: bytes) -> None:
        """Ask for somebody's newer lists, once at a time."""
        line = self._lines.setdefault(user_id, _Line())
        if not line.asks:
            line.asks = True
            self._ask_lists(user_id)

    # --- opening ---------------------------------------------------------------------------------

    def _open(self, batch: list[Arrival]) -> None:
        done: list[bytes] = []
        waits: list[tuple[Arrival, Verdict]] = []
        with self._office.desk() as desk:
            blocked = {user: line.verdict for user, line in self._lines.items() if line.arrivals}
            for arrival in batch:
                user_id = arrival.envelope.sender.user_id
                verdict = blocked.get(user_id) or self._receiver.receive(desk, arrival)
                if verdict is Verdict.DONE:
                    done.append(arrival.envelope.env_id)
                    continue
                waits.append((arrival, verdict))
                if not self._has_looked(user_id):
                    blocked[user_id] = verdict
        self._acknowledged += done
        for arrival, verdict in waits:
            self._wait(arrival, verdict)

    @property
    def _is_crowded(self) -> bool:
        return sum(len(each.arrivals) for each in self._lines.values()) >= MAX_DEFERRED_ENVELOPES

    def _wait(self, arrival: Arrival, verdict: Verdict) -> None:
        user_id = arrival.envelope.sender.user_id
        line = self._lines.get(user_id)
        comes_behind = verdict is Verdict.NEEDS_LISTS and user_id in self._turned_away
        if comes_behind or (line is None and self._is_crowded):
            self._deferred.append(arrival.envelope.env_id)
            return
        line = line or self._lines.setdefault(user_id, _Line())
        if verdict is Verdict.MUST_WAIT:
            line.not_before = self._clock() + FAILED_OPENS_SECONDS / 4
        elif not (line.asks or line.looked) and self._look_again.get(user_id, 0.0) > self._clock():
            line.not_before = self._look_again[user_id]  # a header may name any version: not a look for each
        if line.not_before:
            # Out of the window, which others need: this one, and what stands behind it. Kept here as well, because
            # the connection may last for days.
            self._deferred.append(arrival.envelope.env_id)
            if not self._is_crowded:
                line.arrivals.append(arrival)
            return
        if line.looked or self._is_crowded:
            # The server has no such list, or shows none of those that were asked for: on another connection, perhaps.
            self._deferred.append(arrival.envelope.env_id)
            return
        line.arrivals.append(arrival)
        self.fetch_lists(user_id)

    def _has_looked(self, user_id: bytes) -> bool:
        line = self._lines.get(user_id)
        return line is not None and line.looked

    def _ask_lists(self, user_id: bytes) -> None:
        with self._office.desk() as desk:
            peer = desk.peer(user_id)
            after = 0 if peer is None else peer.version

        def answered(said: Said) -> None:
            self._lists_shown(user_id, after, said)

        def refused(error: ChatError) -> None:
            self._lists_refused(user_id, error)

        def command(id_: int) -> Command:
            return DeviceListQuery(id_, user_id=user_id, after=after)

        self._requests.ask(Request(command, answered, refused, lost=_nothing))

    def _lists_shown(self, user_id: bytes, after: int, said: Said) -> None:
        if not isinstance(said, DeviceLists) or said.user_id != user_id or (said.more and not said.lists):
            self._lists_refused(user_id, ServerSaidNonsense())
            return
        try:
            with self._office.desk() as desk:
                admit(desk, user_id, said.lists, self._now_ms())
                take_lists(desk, self._own, user_id, "", said.lists, self._now_ms())
                known = desk.peer(user_id)
        except (*UNACCEPTABLE, NewcomersWait) as error:
            self._lists_refused(user_id, error)
            return
        if said.more and known is not None and known.version > after:
            self._ask_lists(user_id)
            return
        is_newer = known is not None and known.version > after
        if not is_newer:
            self._look_again[user_id] = self._clock() + LIST_LOOK_SECONDS
        self._go_on(user_id)
        if is_newer:
            self.lists_changed()

    def _lists_refused(self, user_id: bytes, error: ChatError) -> None:
        line = self._lines.pop(user_id, _Line())
        named = [arrival.envelope.env_id for arrival in line.arrivals]
        if isinstance(error, UserUnknown):
            with self._office.desk() as desk:
                _count_strangers(desk, len(named))
            self._acknowledged += named
        else:
            self._deferred += named
            if not (isinstance(error, NewcomersWait) and self._turned_away):
                self._office.tell(Told(error))
            if isinstance(error, NewcomersWait) and len(self._turned_away) < MAX_DEFERRED_ENVELOPES:
                self._turned_away.add(user_id)
        self._say()

    def _go_on(self, user_id: bytes) -> None:
        batch = list(self._lines.get(user_id, _Line()).arrivals)
        self._lines[user_id] = _Line(looked=True)
        if batch:
            self._open(batch)
        if not self._lines[user_id].arrivals:
            del self._lines[user_id]
        else:
            self._lines[user_id].looked = False
        self._say()

    # --- telling the server ----------------------------------------------------------------------

    def _say(self) -> None:
        """What is on the disk, and what must come again; only if it is lost it comes twice."""
        acknowledged, self._acknowledged = self._acknowledged, []
        deferred, self._deferred = self._deferred, []
        for start in range(0, len(acknowledged), MAX_NAMED_ENVELOPES):
            self._name(DirectAcknowledge, acknowledged[start : start + MAX_NAMED_ENVELOPES])
        for start in range(0, len(deferred), MAX_NAMED_ENVELOPES):
            self._name(DirectDefer, deferred[start : start + MAX_NAMED_ENVELOPES])

    def _name(self, kind: type[DirectAcknowledge | DirectDefer], envelope_ids: list[bytes]) -> None:
        self._requests.ask(Request(lambda id_: kind(id_, envelope_ids), _ignore, _ignore, lost=_nothing))


def _count_strangers(desk: Desk, envelopes: int) -> None:
    desk.put_ledger(dataclasses.replace(desk.ledger, strangers=desk.ledger.strangers + envelopes))


def _ignore(_answer: object) -> None:
    return


def _nothing() -> None:
    return
