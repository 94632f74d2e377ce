"""What this device owes others by itself: acknowledgements within a minute, fresh sessions for what cannot be read.

PROTOCOL.md 22.3 and 25. Both are in the vault with the message that made them due; here is only when to look.
"""

import dataclasses
from collections.abc import Callable

from secure_chat.client.direct import contacts, unreadable
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.records import Contact, PeerDevice
from secure_chat.client.direct.sender import Sender
from secure_chat.directory.keys import DeviceId
from secure_chat.e2ee import choice
from secure_chat.errors import DeviceUnknown


class Duties:
    """When something is due to which device."""

    def __init__(self, office: Office, sender: Sender, now_ms: Callable[[], int]) -> None:
        self._office = office
        self._sender = sender
        self._now_ms = now_ms
        self._due: dict[tuple[bytes, int], int] = {}  # milliseconds since 1970 UTC
        self._connected = False

    def connected(self) -> None:
        """Look through all devices once: what was owed before the start is owed still."""
        self._connected = True
        with self._office.desk() as desk:
            devices = desk.all_devices()
        for device in devices:
            self._note((device.user_id, device.device_id), device)

    def disconnected(self) -> None:
        """Nothing can be done."""
        self._connected = False

    def noted(self, desk: Desk) -> None:
        """A transaction has changed these devices."""
        for key, device in desk.changed_devices.items():
            self._note(key, device)

    def next_time_ms(self) -> int | None:
        """When the next one is due; None: nothing is."""
        return min(self._due.values(), default=None) if self._connected else None

    def turn(self) -> None:
        """Do what is due."""
        now = self._now_ms()
        due = [key for key, time in self._due.items() if time <= now] if self._connected else []
        if not due:
            return
        with self._office.desk() as desk:
            names = {name for key in due if (name := self._do(desk, key)) is not None}
        for name in names:
            self._sender.advance(name)

    def _note(self, key: tuple[bytes, int], device: PeerDevice | None) -> None:
        times = [] if device is None else [time for time in (device.ack_due, device.opening_due) if time]
        if times:
            self._due[key] = min(times)
        else:
            self._due.pop(key, None)

    def _do(self, desk: Desk, key: tuple[bytes, int]) -> str | None:
        """Put what is due to a device into its owner's queue; whose it is, or None when it is not owed any more."""
        device, now = desk.device(*key), self._now_ms()
        if device is None:
            del self._due[key]
            return None
        contact = desk.contact(device.name)
        if contact is None or not _is_answered(desk, contact, device):
            desk.put_device(dataclasses.replace(device, ack_due=0, opening_due=0))
            return None
        opens_session = 0 < device.opening_due <= now
        owes = 0 < device.ack_due <= now and any(choice.owes_ack(session) for session in device.sessions)
        if opens_session:
            device = unreadable.session_opened(device, now)
        if 0 < device.ack_due <= now or opens_session:
            device = dataclasses.replace(device, ack_due=0)
        desk.put_device(device)
        if opens_session or owes:
            self._sender.acknowledge(desk, device.name, device.device_id, opens_session=opens_session)
        return device.name


def _is_answered(desk: Desk, contact: Contact, device: PeerDevice) -> bool:
    """Whether anything may go to this device by itself: it is in the list under the accepted identity."""
    devices = contacts.accepted_devices(desk, contact)
    if contacts.why_held(contact) is not None or contact.user_id != device.user_id or devices is None:
        return False
    try:
        devices.device(DeviceId(device.device_id))
    except DeviceUnknown:
        return False
    return True
