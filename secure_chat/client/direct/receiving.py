"""Opening what the server brings, in the order of PROTOCOL.md 20.4; what it changes lies on one transaction's desk.

The session's new state, the text or a placeholder, the envelope's id and the used prekey are written together; only
then anything is shown, and only then acknowledged.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from secure_chat.client.direct import arrivals, contacts, unreadable
from secure_chat.client.direct.contents import Contents, Received
from secure_chat.client.direct.conversations import add_row
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.envelopes_seen import EnvelopesSeen
from secure_chat.client.direct.events import DirectHeard, MessageKind, Trust
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.own_prekeys import OwnPrekeys
from secure_chat.client.direct.records import Contact, Peer, PeerDevice, StoredMessage
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import DeviceId
from secure_chat.e2ee import choice, setup
from secure_chat.e2ee.envelope import Envelope
from secure_chat.e2ee.messages import Opened, open_envelope
from secure_chat.e2ee.parties import Party
from secure_chat.errors import (
    ChatError,
    DeviceUnknown,
    EncodingError,
    MessageUnreadable,
    OwnKeyInUse,
    PrekeyGone,
    SessionReplayed,
    SessionUnknown,
)
from secure_chat.limits import ACK_SECONDS

_ANY_DEVICE = 0  # in the count of failures, in place of those that are in no list


@dataclass(frozen=True, slots=True)
class Arrival:
    """One envelope, read, and what the server says about it."""

    envelope: Envelope
    time: int  # the server's, milliseconds since 1970 UTC
    late: bool  # it waited at the server


class Verdict(Enum):
    """What becomes of an arrival."""

    DONE = auto()  # on the disk with the transaction, or nothing that must be: acknowledge it
    NEEDS_LISTS = auto()  # its sender's newer device lists must be here first
    MUST_WAIT = auto()  # too much of its sender's could not be opened


class Receiver:
    """Opens arrivals for one device."""

    def __init__(self, own: Own, prekeys: OwnPrekeys, now_ms: Callable[[], int]) -> None:
        self._own = own
        self._prekeys = prekeys
        self._now_ms = now_ms
        self._contents = Contents(own, now_ms)
        self.failed_opens = unreadable.FailedOpens()
        self.seen = EnvelopesSeen()

    def receive(self, desk: Desk, arrival: Arrival) -> Verdict:
        """Open one. Whatever cannot be opened leaves a row that says why; errors of the vault are raised."""
        envelope = arrival.envelope
        if (
            envelope.recipient != self._own.party.public.address
            or envelope.sender.user_id == envelope.recipient.user_id
        ):
            return Verdict.DONE  # not for this device, or from one that this version does not know: never opened
        if self.seen.has(desk, envelope.env_id):
            return Verdict.DONE
        peer = desk.peer(envelope.sender.user_id)
        contact = None if peer is None else desk.contact(peer.name)
        if peer is None or contact is None or peer.newest_list is None:
            return Verdict.NEEDS_LISTS
        if envelope.init is not None and envelope.init.from_dl > peer.version:
            return Verdict.NEEDS_LISTS
        known = _list_with(peer, contact, envelope.sender.device_id)
        counted_as = _ANY_DEVICE if known is None else envelope.sender.device_id
        if self.failed_opens.free_at(peer.user_id, counted_as, self._now_ms() / 1000) is not None:
            return Verdict.MUST_WAIT
        if known is None:
            self._refuse(desk, arrival, contact)
        else:
            self._open(desk, arrival, _Sender(peer, contact, *known))
        self.seen.add(desk, envelope.env_id, self._now_ms())
        return Verdict.DONE

    def _refuse(self, desk: Desk, arrival: Arrival, contact: Contact) -> None:
        """From a device that is in no list: it was removed, or never there."""
        self.failed_opens.note(arrival.envelope.sender.user_id, _ANY_DEVICE, self._now_ms() / 1000)
        reason = unreadable.REMOVED_DEVICE.format(name=contact.name)
        self._placeholder(desk, arrival, contact, Trust.QUARANTINED, reason)

    def _open(self, desk: Desk, arrival: Arrival, sender: "_Sender") -> None:
        envelope = arrival.envelope
        user_id, device_id = envelope.sender.user_id, envelope.sender.device_id
        device = desk.device(user_id, device_id) or PeerDevice(sender.contact.name, user_id, device_id)
        try:
            opened = self._opened(desk, envelope, device, sender.devices)
        except (MessageUnreadable, EncodingError, OwnKeyInUse) as error:
            self._failed(desk, arrival, sender, device, error)
            return
        device = self._with_session(device, opened, answers=sender.is_answered)
        desk.put_device(device)
        received = Received(arrival.envelope, arrival.time, arrival.late, sender.peer, sender.trust, sender.unaccepted)
        self._contents.take(desk, received, opened.content)

    def _opened(self, desk: Desk, envelope: Envelope, device: PeerDevice, devices: AcceptedDeviceList) -> Opened:
        """Raises `MessageUnreadable`, `EncodingError` or `OwnKeyInUse`; then nothing has changed."""
        now = self._now_ms()
        for session in device.sessions:
            if session.sid8 == envelope.sid8:
                return open_envelope(session, envelope, now)
        init = envelope.init
        if init is None:
            raise SessionUnknown
        setup.check_generation(init.gen, now)
        if self._prekeys.is_replayed(desk.transaction, init.spk_id, init.ek):
            raise SessionReplayed
        signed = self._prekeys.signed(desk.transaction, init.spk_id)
        one_time = None if init.otp_id is None else self._prekeys.one_time(desk.transaction, init.otp_id)
        if signed is None or (init.otp_id is not None and one_time is None):
            raise PrekeyGone
        party = Party.of(devices, DeviceId(envelope.sender.device_id))
        session = setup.accept(self._own.party, party, envelope, signed, one_time, now)
        opened = open_envelope(session, envelope, now)
        self._prekeys.used(desk.transaction, init.spk_id, init.otp_id, init.ek)
        return opened

    def _with_session(self, device: PeerDevice, opened: Opened, *, answers: bool) -> PeerDevice:
        now, session = self._now_ms(), opened.session
        before = next((each for each in device.sessions if each.sid == session.sid), None)
        device = arrivals.heard(device, before, session)
        sessions = (*(each for each in device.sessions if each.sid != session.sid), session)
        if len(sessions) > len(device.sessions):
            superseded = choice.superseded(sessions, now)
            sessions = tuple(each for each in sessions if each not in superseded)
        device = dataclasses.replace(
            device,
            sessions=sessions,
            generation=max(device.generation, session.gen),
            opening_due=0,  # something has opened: all is well
            opening_pause=0,
        )
        if answers and not device.ack_due and choice.owes_ack(session):
            device = dataclasses.replace(device, ack_due=now + ACK_SECONDS * 1000)
        return device

    def _failed(self, desk: Desk, arrival: Arrival, sender: "_Sender", device: PeerDevice, error: ChatError) -> None:
        now = self._now_ms()
        self.failed_opens.note(device.user_id, device.device_id, now / 1000)
        if sender.is_answered:
            desk.put_device(unreadable.owing_a_session(device, error, now))
        reason = unreadable.words_for(error)
        self._placeholder(desk, arrival, sender.contact, sender.trust, reason, sender.unaccepted)

    def _placeholder(
        self, desk: Desk, arrival: Arrival, contact: Contact, trust: Trust, reason: str, key: bytes = b""
    ) -> None:
        message = StoredMessage(
            own=False,
            kind=MessageKind.UNREADABLE,
            time=arrival.time,
            sent_at=arrival.time,
            trust=trust,
            reason=reason,
            env_id=arrival.envelope.env_id,
            device_id=arrival.envelope.sender.device_id,
            key=key,
        )
        desk.tell(DirectHeard(add_row(desk, contact.name, message), arrival.late))


@dataclass(frozen=True, slots=True)
class _Sender:
    """From whom an arrival comes, as far as its header and the lists tell."""

    peer: Peer
    contact: Contact
    devices: AcceptedDeviceList  # the list that has the device
    is_accepted: bool  # the list is under the pinned identity

    @property
    def trust(self) -> Trust:
        if not self.is_accepted:
            return Trust.QUARANTINED
        return Trust.VERIFIED if self.contact.verified else Trust.UNVERIFIED

    @property
    def unaccepted(self) -> bytes:
        """The fingerprint of the key, unless it is the accepted one."""
        if self.is_accepted:
            return b""
        return contacts.fingerprint(self.peer.user_id, self.devices.device_list.identity_key.raw)

    @property
    def is_answered(self) -> bool:
        """Whether anything goes back by itself: nothing does while the key is not the accepted one."""
        return self.is_accepted and contacts.why_held(self.contact) is None


def _list_with(peer: Peer, contact: Contact, device_id: int) -> tuple[AcceptedDeviceList, bool] | None:
    """The list that has this device, and whether it is under the pinned identity; None: it is in none."""
    for devices, is_accepted in ((peer.accepted_list, True), (peer.shown_list, False)):
        if devices is None:
            continue
        try:
            devices.device(DeviceId(device_id))
        except DeviceUnknown:
            continue
        identity = devices.device_list.identity_key.raw
        return devices, is_accepted and contacts.is_pinned(contact, peer.user_id, identity)
    return None
