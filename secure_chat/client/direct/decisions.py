"""What a person decides about contacts: accept a changed key, drop what is held, compare numbers, begin anew."""

import hmac
from collections.abc import Callable

from secure_chat.client.direct import contacts
from secure_chat.client.direct.desk import Desk
from secure_chat.client.direct.events import KeyIsChanged, SafetyNumber, Trust
from secure_chat.client.direct.office import Office
from secure_chat.client.direct.own import Own
from secure_chat.client.direct.records import Contact
from secure_chat.client.direct.sender import Sender
from secure_chat.directory.keys import IdentityPublicKey, UserId
from secure_chat.e2ee.safety_number import FingerprintParty, qr_payload, safety_number
from secure_chat.errors import KeyNotChanged, NumberDiffers, UserUnknown


class Decisions:
    """Each is one transaction; then what waited goes on."""

    def __init__(self, office: Office, sender: Sender, own: Own, now_ms: Callable[[], int]) -> None:
        self._office = office
        self._sender = sender
        self._own = own
        self._now_ms = now_ms
        self._changed_keys_told = False

    def tell_changed_keys(self) -> None:
        """Once after the start: whose key has changed and was not accepted."""
        if self._changed_keys_told:
            return
        self._changed_keys_told = True
        with self._office.desk() as desk:
            names = {contact.name for contact in desk.all_contacts()}
        self.tell_changed(names)

    def tell_changed(self, names: set[str]) -> None:
        """Of these people, whose key has changed, or whose lists were contradicted, and was not accepted."""
        with self._office.desk() as desk:
            for contact in desk.all_contacts():
                if contact.name not in names:
                    continue
                if contact.contradicted_at:
                    desk.tell(contacts.contradiction(contact))
                    desk.touched.add(contact.name)
                elif contact.shown is not None:
                    held = contacts.held_messages(desk, contact.name)
                    since, shown = contact.shown.since, contacts.fingerprint_shown(contact)
                    desk.tell(KeyIsChanged(contact.name, since, contact.verified, held, shown))
                    desk.touched.add(contact.name)

    def knows(self, name: str) -> bool:
        """Whether somebody of that name is pinned."""
        with self._office.desk() as desk:
            return desk.contact(name) is not None

    def fingerprint_shown(self, name: str) -> bytes:
        """Of the changed key that a person is about to accept. Raises `KeyNotChanged` and `UserUnknown`."""
        with self._office.desk() as desk:
            contact = _contact(desk, name)
            if contact.state is not Trust.CHANGED:
                raise KeyNotChanged(f"{name}'s key has not changed.")
            return contacts.fingerprint_shown(contact)

    def trust(self, name: str, seen: bytes) -> None:
        """Accept the key of that fingerprint. Raises `KeyChangedAgain` and `KeyNotChanged`."""
        try:
            with self._office.desk() as desk:
                contacts.accept_shown(desk, _contact(desk, name), seen)
        finally:
            self._sender.decided(name)  # also when the known key turned out to be shown again

    def discard(self, name: str) -> None:
        """Drop what is held for one person, or (empty) for everybody. Raises `NothingHeld`."""
        with self._office.desk() as desk:
            names = [name] if name else [contact.name for contact in desk.all_contacts()]
            self._sender.discard(desk, names)

    def safety_number(self, name: str) -> SafetyNumber:
        """What is compared with a contact: of the key that is shown now. Raises `UserUnknown`."""
        with self._office.desk() as desk:
            contact = _contact(desk, name)
        own, peer = self._parties(contact)
        digits = safety_number(own, peer, self._own.server_id)
        qr = qr_payload(own, peer, self._own.server_id)
        return SafetyNumber(name, digits, qr, contact.state, contacts.fingerprint_shown(contact))

    def mark_verified(self, name: str, digits: str) -> None:
        """These digits were compared. Raises `NumberDiffers` when they are not those of the present key."""
        expected = self.safety_number(name).digits
        if not hmac.compare_digest("".join(digits.split()).encode(), "".join(expected.split()).encode()):
            raise NumberDiffers
        with self._office.desk() as desk:
            contacts.mark_verified(desk, _contact(desk, name), contacts.BY_NUMBER)
        self._sender.decided(name)

    def reset_session(self, name: str) -> None:
        """Open a fresh session with each device of somebody. Raises `UserUnknown`, or why nothing is sent to him."""
        with self._office.desk() as desk:
            contact = _contact(desk, name)
            if (why := contacts.why_held(contact)) is not None:
                raise why
            devices = contacts.accepted_devices(desk, contact)
            if devices is not None:
                for device in devices.device_list.devices:
                    self._sender.acknowledge(desk, name, device.device_id, opens_session=True)
        self._sender.advance(name)

    def _parties(self, contact: Contact) -> tuple[FingerprintParty, FingerprintParty]:
        own = self._own.party.public
        shown = contact.shown or contact
        peer = FingerprintParty(UserId(shown.user_id), contact.name, IdentityPublicKey(shown.identity_key))
        return FingerprintParty(own.user_id, self._own.name, own.identity_key), peer


def _contact(desk: Desk, name: str) -> Contact:
    contact = desk.contact(name)
    if contact is None:
        raise UserUnknown(f"You have not talked with anybody called {name} yet.")
    return contact
