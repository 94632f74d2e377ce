"""Encrypting one waiting message for every device of its recipient; PROTOCOL.md 22 and 24.1.

Ciphertexts that exist stay as they are: after a stale answer only missing devices are encrypted for.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Final

from secure_chat.client.direct import arrivals
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import DeviceLeftOut
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.records import Outgoing, Part, PeerDevice
from secure_chat.directory.device_list import AcceptedDeviceList
from secure_chat.directory.keys import DeviceId
from secure_chat.e2ee import choice
from secure_chat.e2ee.bundles import check_bundle
from secure_chat.e2ee.content import COUNTED, Content, ListView, core_hash
from secure_chat.e2ee.device_keys import Randomness
from secure_chat.e2ee.messages import seal
from secure_chat.e2ee.parties import Party
from secure_chat.e2ee.session import Session
from secure_chat.e2ee.setup import initiate
from secure_chat.errors import (
    EncodingError,
    KeyWorthless,
    OwnKeyInUse,
    PrekeyError,
    PrekeyTooOld,
    SignatureError,
)
from secure_chat.limits import MAX_GENERATION_AHEAD_SECONDS
from secure_chat.protocol.events import PrekeyBundle

NO_BUNDLE: Final = 1
BUNDLE_INVALID: Final = 2
NOT_SEEN: Final = 3
FULL: Final = 4
HAS_IT: Final = 5

_LEFT_OUT: Final = {
    NO_BUNDLE: "it has published no keys",
    BUNDLE_INVALID: "the keys that the server shows for it are not valid",
    NOT_SEEN: "it was not seen for 60 days",
    FULL: "it has not fetched the last messages, and the server keeps no more",
}


class Sealer:
    """Encrypts for one device's owner."""

    def __init__(self, own: Own, random: Randomness, now_ms: Callable[[], int]) -> None:
        self._own = own
        self._random = random
        self._now_ms = now_ms

    def is_sealed(self, outgoing: Outgoing, devices: AcceptedDeviceList) -> bool:
        """Whether there is a part for exactly these devices."""
        return list(_existing(outgoing, devices)) == [device.device_id for device in devices.device_list.devices]

    def without_session(self, desk: Desk, outgoing: Outgoing, devices: AcceptedDeviceList) -> list[DeviceId]:
        """The devices with which a session must be opened before this message can be encrypted for them."""
        ready = _existing(outgoing, devices)
        return [
            device.device_id
            for device in devices.device_list.devices
            if device.device_id not in ready
            and outgoing.device_id in (0, device.device_id)
            and self._session(self._device(desk, devices, device.device_id), outgoing) is None
        ]

    def seal(
        self, desk: Desk, outgoing: Outgoing, devices: AcceptedDeviceList, bundles: Mapping[int, PrekeyBundle]
    ) -> Outgoing:
        """The message with a part for each of the devices; sessions and counters are on the desk.

        `bundles`: fresh ones, by device, as the server has handed them out.
        """
        device_list = devices.device_list
        if outgoing.user_id not in (b"", device_list.user_id):
            outgoing = dataclasses.replace(outgoing, seq=0, parts=())
        outgoing = dataclasses.replace(self._counted(desk, device_list.name, outgoing), user_id=device_list.user_id)
        content = self._content(outgoing, devices)
        existing = _existing(outgoing, devices)
        parts = []
        for device in device_list.devices:
            part = existing.get(device.device_id)
            if part is None and outgoing.device_id not in (0, device.device_id):
                part = Part(device.device_id, omitted=HAS_IT)
            parts.append(part or self._part(desk, outgoing, content, devices, device.device_id, bundles))
        return dataclasses.replace(outgoing, parts=tuple(parts))

    # --- inside ----------------------------------------------------------------------------------

    def _counted(self, desk: Desk, name: str, outgoing: Outgoing) -> Outgoing:
        """Give it its place in the chain of this device's messages, once."""
        if outgoing.kind not in COUNTED or outgoing.seq:
            return outgoing
        conversation = desk.conversation(name)
        outgoing = dataclasses.replace(outgoing, seq=conversation.seq + 1, prev=conversation.prev)
        digest = core_hash(self._content(outgoing, self._own.devices))
        desk.put_conversation(dataclasses.replace(conversation, seq=outgoing.seq, prev=digest))
        return outgoing

    def _content(self, outgoing: Outgoing, devices: AcceptedDeviceList) -> Content:
        view = ListView(self._own.version, self._own.devices.digest, devices.device_list.version, devices.digest)
        return Content(
            kind=outgoing.kind,
            msg_id=outgoing.msg_id,
            sent_at=outgoing.sent_at,
            seq=outgoing.seq,
            prev=outgoing.prev,
            lists=view,
            body=outgoing.body,
        )

    def _part(
        self,
        desk: Desk,
        outgoing: Outgoing,
        content: Content,
        devices: AcceptedDeviceList,
        device_id: DeviceId,
        bundles: Mapping[int, PrekeyBundle],
    ) -> Part:
        device = _within_time(self._device(desk, devices, device_id), self._now_ms())
        session = self._session(device, outgoing)
        if session is None:
            device, session, omitted = self._opened(device, devices, bundles.get(device_id))
            if session is None:
                leave_out(desk, device, omitted)
                return Part(device_id, omitted=omitted)
        sealed = seal(session, self._own.version, content, self._random, self._now_ms())
        others = tuple(each for each in device.sessions if each.sid != session.sid)
        sessions = (*others, sealed.session)
        dropped = choice.superseded(sessions, self._now_ms())
        kept = tuple(each for each in sessions if each not in dropped)
        number, is_counted = outgoing.seq or desk.conversation(device.name).seq, bool(outgoing.seq)
        device = dataclasses.replace(device, sessions=kept, ack_due=0, left_out=0)
        desk.put_device(arrivals.sent(device, sealed.session, number, is_counted=is_counted))
        # What is refused as full holds the later ones to that device.
        is_held = bool(desk.late_envelopes(device.user_id, device_id, limit=1))
        return Part(device_id, sealed.envelope, FULL if is_held else 0)

    def _opened(
        self, device: PeerDevice, devices: AcceptedDeviceList, bundle: PrekeyBundle | None
    ) -> tuple[PeerDevice, Session | None, int]:
        """A new session from a bundle; or None, and the number of the reason why there is none."""
        if bundle is None:
            return device, None, NO_BUNDLE
        party, now = Party.of(devices, DeviceId(device.device_id)), self._now_ms()
        own = self._own.party
        try:
            checked = check_bundle(party, own, bundle.signed_prekey, bundle.one_time, device.prekeys, now)
            generation = choice.next_generation(device.generation, now // 1000)
            session = initiate(
                own,
                party,
                checked,
                gen=generation,
                random=self._random,
                now_ms=now,
                # Before there was any, the two sides may open theirs at once, and settle on one of them.
                is_reset=any(each.confirmed for each in device.sessions),
            )
        except PrekeyTooOld:
            return device, None, NOT_SEEN
        except (EncodingError, PrekeyError, SignatureError, OwnKeyInUse, KeyWorthless):
            return device, None, BUNDLE_INVALID
        prekeys = device.prekeys.including(checked.signed)
        return dataclasses.replace(device, generation=generation, prekeys=prekeys), session, 0

    def _session(self, device: PeerDevice, outgoing: Outgoing) -> Session | None:
        if outgoing.opens_session:
            return None
        session = choice.choose(_within_time(device, self._now_ms()).sessions)
        if session is None or choice.needs_new_session(session, self._now_ms()):
            return None
        return session

    def _device(self, desk: Desk, devices: AcceptedDeviceList, device_id: DeviceId) -> PeerDevice:
        device_list = devices.device_list
        found = desk.device(device_list.user_id, device_id)
        return found or PeerDevice(device_list.name, device_list.user_id, device_id)


def _within_time(device: PeerDevice, now_ms: int) -> PeerDevice:
    """The device without what this one has begun while its clock was more than a day ahead.

    The peer has refused it (PROTOCOL.md 20.4), so that its generation is known here alone: nothing has to exceed it,
    and what did would be refused until that day has come.
    """
    latest = now_ms // 1000 + MAX_GENERATION_AHEAD_SECONDS
    sessions = tuple(session for session in device.sessions if session.confirmed or session.gen <= latest)
    if len(sessions) == len(device.sessions):
        return device
    generation = max((session.gen for session in sessions), default=0)
    return dataclasses.replace(device, sessions=sessions, generation=generation)


def _existing(outgoing: Outgoing, devices: AcceptedDeviceList) -> dict[int, Part]:
    """Its parts by device; none where they are another account's, whose devices may have the same numbers."""
    if outgoing.user_id != devices.device_list.user_id:
        return {}
    return {part.device_id: part for part in outgoing.parts}


def leave_out(desk: Desk, device: PeerDevice, omitted: int) -> None:
    """A device gets nothing for now; said once for each reason."""
    if device.left_out != omitted:
        desk.tell(DeviceLeftOut(device.name, _LEFT_OUT[omitted]))
    desk.put_device(dataclasses.replace(device, left_out=omitted))
